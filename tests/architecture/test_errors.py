"""Errors have one root, so that a caller can tell ours from a library's."""

from __future__ import annotations

import ast
import builtins

from tests.architecture.repository import place, sources

ROOT_OF_ERRORS = "shared/errors.py SalurError"


def derives_from_a_builtin(node: ast.ClassDef) -> bool:
    """Return True if the bases are exceptions of Python and no other class."""
    bases = [getattr(builtins, base.id, None) if isinstance(base, ast.Name) else None for base in node.bases]
    return bool(bases) and all(isinstance(base, type) and issubclass(base, BaseException) for base in bases)


def test_every_error_derives_from_salur_error() -> None:
    rootless = [
        f"{place(path)} {node.name}"
        for path in sources("services", "shared", "deploy")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and derives_from_a_builtin(node)
    ]
    assert rootless == [ROOT_OF_ERRORS]
