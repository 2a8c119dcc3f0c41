"""The form of sentences: short lines of Markdown, first words of docstrings, short test names, words for operators."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TypeGuard

from deploy.local.paths import ROOT
from tests.architecture.repository import CODE, place, sources

LINE_LENGTH = 120
TEST_NAME_LENGTH = 70
# A sentence that begins with one of these has to be read to its end before it says what it is about.
QUESTION_WORDS = frozenset(
    ("What", "Whatever", "Whether", "Who", "Whoever", "Whom", "Whose", "Those", "How", "Which", "Where", "When")
)
# Words that the glossary has replaced; a verb or a table may still have one, the sentences around it may not.
OLD_WORDS = re.compile(
    r"(?<![\w-])(said|told|say|tally|purse|pot|books?|rights?|judged?|wakes?|waking|woken|strangers?|news|astray|doubts?"
    r"|doubted|beaten|anchoring|wrongs)(?![\w-])",
    re.IGNORECASE,
)
# The name of a ledger's chain: it is sealed with the chain (`services/payment/store/ledger.py`).
SEALED_NAMES = ("book ",)
PRODUCT = ("services", "shared", "deploy")

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """Yield each node of the code with its place."""
    for path in sources(*CODE):
        for node in ast.walk(ast.parse(path.read_text())):
            yield f"{place(path)}:{getattr(node, 'lineno', 1)}", node


def texts_for_operators(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the texts of several words, with their lines; of docstrings only those shown as help of a command line."""
    walked = list(ast.walk(tree))
    docstrings = {id(node.value) for node in walked if isinstance(node, ast.Expr)}
    helps = {id(node.body[0].value) for node in walked if is_verb(node) and isinstance(node.body[0], ast.Expr)}
    shown = helps | {id(node) for node in walked} - docstrings
    for node in walked:
        if id(node) in shown and isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


def is_verb(node: ast.AST) -> TypeGuard[ast.FunctionDef]:
    return isinstance(node, ast.FunctionDef) and any("verbs." in ast.unparse(one) for one in node.decorator_list)


def test_lines_of_markdown_are_short() -> None:
    texts = [*ROOT.glob("*.md"), *(path for folder in (*CODE, "docs") for path in (ROOT / folder).rglob("*.md"))]
    long = [
        f"{place(path)}:{number}"
        for path in sorted(texts)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > LINE_LENGTH and not line.startswith("|")
    ]
    assert long == []


def documentation(node: ast.AST) -> list[str]:
    """Return the docstring of a node, and those of the assignments in its body."""
    if not isinstance(node, Documented):
        return []
    texts = [
        text.value.value
        for before, text in pairwise(node.body)
        if isinstance(before, ast.Assign | ast.AnnAssign)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    ]
    return [*texts, ast.get_docstring(node) or ""]


def test_no_docstring_begins_with_a_question_word() -> None:
    questions = [
        f"{where}: {text.splitlines()[0]}"
        for where, node in nodes()
        for text in documentation(node)
        if text and text.split()[0].strip(".,:;") in QUESTION_WORDS
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


def test_no_text_for_operators_has_a_word_that_the_glossary_replaced() -> None:
    old = [
        f"{place(path)}:{line}: {text}"
        for path in sources(*PRODUCT)
        for line, text in texts_for_operators(ast.parse(path.read_text()))
        if OLD_WORDS.search(text) and text not in SEALED_NAMES
    ]
    assert old == []
