"""SQL lives in named queries, and every named query is there because something asks it."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.repository import place, services, sources

STATEMENT = re.compile(
    r"^\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w+\s+SET\s|DELETE\s+FROM\s|WITH\s+\w+\s+AS|MERGE\s+INTO\s"
    r"|CREATE\s+(TABLE|INDEX|SCHEMA|ROLE)|ALTER\s+(TABLE|ROLE)|DROP\s|LOCK\s+TABLE|TRUNCATE\s)",
    re.IGNORECASE,
)
NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)

# Statements that cannot be a named query of a service, and why.
ALLOWED: dict[str, str] = {}


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Line and value of each string literal in a file that is not a docstring."""
    tree = ast.parse(path.read_text())
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def statements(path: Path) -> list[str]:
    return [f"{place(path)}:{line}" for line, text in texts(path) if STATEMENT.match(text)]


def query_names(folder: Path) -> Counter[str]:
    return Counter(name for path in folder.rglob("sql/*.sql") for name in NAME.findall(path.read_text()))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "\n  insert into t values (1)",
        "UPDATE t SET a = 1",
        "with due as (select 1)",
        "DROP TABLE t",
    ],
)
def test_a_statement_is_known_when_it_is_seen(text: str) -> None:
    assert STATEMENT.match(text)


@pytest.mark.parametrize("text", ["Updates follow", "With this", "selected", "drop", "an update of t"])
def test_prose_is_not_taken_for_a_statement(text: str) -> None:
    assert not STATEMENT.match(text)


def test_no_statement_lives_in_python() -> None:
    found = [where for path in sources("services", "shared") for where in statements(path)]
    assert [where for where in found if where.rpartition(":")[0] not in ALLOWED] == []


def test_every_named_query_is_asked_by_its_service() -> None:
    for folder in services():
        asked = {text for path in folder.rglob("*.py") for _, text in texts(path)}
        assert set(query_names(folder)) - asked == set(), folder.name


def test_every_named_query_of_shared_code_is_asked_in_shared_code() -> None:
    asked = {text for path in sources("shared") for _, text in texts(path)}
    for path in sources("shared"):
        for folder in path.parent.glob("sql"):
            assert set(query_names(folder.parent)) - asked == set(), place(folder)


def test_every_named_query_has_one_name_and_one_line_of_why() -> None:
    for folder in services():
        assert [name for name, times in query_names(folder).items() if times > 1] == []
        for path in (folder / "sql").glob("*.sql"):
            lines = path.read_text().splitlines()
            starts = [index for index, line in enumerate(lines) if NAME.match(line)]
            silent = [lines[index] for index in starts if not lines[index + 1].startswith("-- ")]
            assert silent == [], place(path)
