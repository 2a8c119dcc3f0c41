"""Options that several verbs share."""

from typing import Annotated

import typer

Who = Annotated[str, typer.Option(help="Who does this; kept in the log of operations.", metavar="NAME")]
Why = Annotated[str, typer.Option(help="Why; kept in the log of operations.", metavar="TEXT")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it. Without this only a preview is printed.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program instead of a table.")]
Limit = Annotated[int, typer.Option(help="Show at most this many.", min=1, max=10_000)]
Gently = Annotated[bool, typer.Option("--gently", help="Run with low priority, after other processes of this machine.")]
