"""The form of sentences: short lines of Markdown, docstrings that begin with a verb or a noun, short test names."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from deploy.local.paths import ROOT
from tests.architecture.repository import CODE, place, sources

LINE_LENGTH = 120
TEST_NAME_LENGTH = 70
# A sentence that begins with one of these has to be read to its end before it says what it is about.
QUESTION_WORDS = frozenset(
    ("What", "Whatever", "Whether", "Who", "Whoever", "Whose", "Those", "How", "Which", "Where", "When")
)

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """Yield each node of the code with its place."""
    for path in sources(*CODE):
        for node in ast.walk(ast.parse(path.read_text())):
            yield f"{place(path)}:{getattr(node, 'lineno', 1)}", node


def test_lines_of_markdown_are_short() -> None:
    texts = [*ROOT.glob("*.md"), *(path for folder in (*CODE, "docs") for path in (ROOT / folder).rglob("*.md"))]
    long = [
        f"{place(path)}:{number}"
        for path in sorted(texts)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > LINE_LENGTH and not line.startswith("|")
    ]
    assert long == []


def test_no_docstring_begins_with_a_question_word() -> None:
    questions = [
        f"{where}: {text.splitlines()[0]}"
        for where, node in nodes()
        if isinstance(node, Documented)
        and (text := ast.get_docstring(node))
        and text.split()[0].strip(".,:;") in QUESTION_WORDS
    ]
    assert questions == []


def test_names_of_tests_are_short() -> None:
    long = [
        f"{where}: {node.name}"
        for where, node in nodes()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and len(node.name) > TEST_NAME_LENGTH
    ]
    assert long == []
