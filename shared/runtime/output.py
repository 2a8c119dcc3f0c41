"""The output of a command: answers on standard output, and one line on standard error for what is wrong."""

import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

import typer
from pydantic_core import to_json
from rich.console import Console
from rich.table import Table

FAILED = 2
PIPE_WIDTH = 240


class Output:
    """The two streams of one command; texts are printed as they are, without markup."""

    def __init__(self, service: str) -> None:
        self._service = service
        # A pipe or a file has no width of its own, and nothing that an operator greps for may be cut off.
        width = None if sys.stdout.isatty() else PIPE_WIDTH
        self._out = Console(highlight=False, markup=False, soft_wrap=True, width=width)
        self.err = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

    def print(self, content: str | Table) -> None:
        """Print a text or a table on standard output."""
        self._out.print(content)

    def show(self, rows: Sequence[Mapping[str, object]], columns: Sequence[str], *, as_json: bool) -> None:
        """Print rows as a table of these columns, or whole as JSON."""
        if as_json:
            self.print(to_json(rows, indent=2).decode())
            return
        table = Table(*columns, box=None)
        for row in rows:
            table.add_row(*("" if row[name] is None else str(row[name]) for name in columns))
        self.print(table if rows else "none")

    def warn(self, sentence: str) -> None:
        """Print a sentence on standard error."""
        self.err.print(sentence)

    def fail(self, sentence: str) -> NoReturn:
        """Print a sentence on standard error and end the process with status 2."""
        self.warn(f"{self._service}: {sentence}")
        raise typer.Exit(FAILED)
