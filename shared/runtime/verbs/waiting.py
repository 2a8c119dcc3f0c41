"""`waiting`: the records that are deferred, by what each waits for."""

from typing import Annotated

import typer

from shared.runtime.command_context import CommandContext
from shared.runtime.status import RECORDS_SHOWN, waiting
from shared.runtime.verbs.options import Json, Limit

COLUMNS = ("kind", "key", "records", "since", "age_seconds", "until")

Kind = Annotated[str | None, typer.Option(help="Only what waits for this kind, as `enrollment`.", metavar="NAME")]
Key = Annotated[str | None, typer.Option(help="Only what waits for this key.", metavar="TEXT")]


def add_waiting_verb(verbs: typer.Typer, command: CommandContext) -> None:
    @verbs.command("waiting")
    def waiting_verb(kind: Kind = None, key: Key = None, limit: Limit = RECORDS_SHOWN, as_json: Json = False) -> None:
        """Show what is deferred for something not yet known, by kind and key, what waits longest first."""
        now = command.clock().now()
        rows = command.run_in_session(lambda connection: waiting(connection, now, kind, key, limit + 1))
        command.output.show(rows[:limit], COLUMNS, as_json=as_json)
        if len(rows) > limit:
            command.output.warn("more is waiting: take a higher --limit, or --kind or --key")
