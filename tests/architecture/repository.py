"""The repository as the architecture tests see it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.local.paths import ROOT

SERVICES = ROOT / "services"
CODE = ("services", "shared", "deploy", "tests")


@dataclass(frozen=True, slots=True)
class Function:
    """A function or method with its place and its length in lines, decorators left out."""

    where: str
    lines: int


def sources(*folders: str) -> list[Path]:
    """Return every Python file below the folders, in order."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def place(path: Path) -> str:
    """Return a path relative to the repository."""
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[Function]:
    """Yield all functions of a file, inner ones too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            yield Function(f"{place(path)}:{node.name}", node.end_lineno - node.lineno + 1)


def services() -> list[Path]:
    """Return the folders of the services that have lanes."""
    return sorted(path.parent for path in SERVICES.glob("*/subscriptions.py"))
