"""`operations`: what operators have done, from the log that seals each row with the next."""

import json
from typing import Annotated

import typer
from asyncpg import Record

from shared.messaging.queries import QUERIES
from shared.runtime.command_context import CommandContext
from shared.runtime.verbs.options import Json, Limit

COLUMNS = ("number", "at", "verb", "who", "why", "detail")

Verb = Annotated[str | None, typer.Option(help="Only what was done by this verb, as `halt`.", metavar="TEXT")]
By = Annotated[str | None, typer.Option("--who", help="Only what this person did.", metavar="NAME")]
Before = Annotated[int | None, typer.Option(help="Show those before this number.", min=1)]


def add_operations_verb(verbs: typer.Typer, command: CommandContext) -> None:
    @verbs.command()
    def operations(
        verb: Verb = None, who: By = None, before: Before = None, limit: Limit = 100, as_json: Json = False
    ) -> None:
        """Show what operators have done, the latest first; `verify` checks that nobody has changed it since."""
        found = command.run_in_session(lambda c: c.fetch(QUERIES["load_operations"], verb, who, before, limit + 1))
        rows = [_row(one) for one in found[:limit]]
        if as_json:
            command.output.show(rows, COLUMNS, as_json=True)
            return
        command.output.show(
            [row | {"at": f"{row['at']:%Y-%m-%d %H:%M:%S}Z", "detail": json.dumps(row["detail"])} for row in rows],
            COLUMNS,
            as_json=False,
        )
        if len(found) > limit:
            command.output.print(f"more was done before; --before {rows[-1]['number']} shows it")


def _row(record: Record) -> dict[str, object]:
    return {**record, "detail": json.loads(record["detail"])}
