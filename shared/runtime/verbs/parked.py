"""`parked`: records that broke a rule, and how they are replayed or closed."""

from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from asyncpg import Connection, Record
from rich.table import Table

from shared.contracts.park_reasons import ParkReason
from shared.messaging.engine.operations import close_parked, replay_parked
from shared.messaging.engine.operator import Operator, Outcome
from shared.messaging.engine.replay_preview import ReplayPreview
from shared.messaging.queries import QUERIES
from shared.messaging.reading.topic_inspector import TopicInspector
from shared.messaging.transaction.decoder import Decoder
from shared.messaging.transaction.lane import real_microseconds
from shared.messaging.transaction.session import EngineSession
from shared.runtime import parked
from shared.runtime.command_context import CommandContext
from shared.runtime.parked import Selection
from shared.runtime.verbs.options import Json, Limit, Who, Why, Yes
from shared.runtime.verbs.resolution import GROUP_COLUMNS, Resolution

Numbers = Annotated[list[int] | None, typer.Argument(help="Their numbers, as `parked list` shows them.")]
Reason = Annotated[ParkReason | None, typer.Option(help="Only those parked for this reason.")]
Source = Annotated[str | None, typer.Option(help="Only those of this ce_source.", metavar="TEXT")]
Type = Annotated[str | None, typer.Option("--type", help="Only those of this ce_type.", metavar="TEXT")]
All = Annotated[bool, typer.Option("--all", help="Include those replayed or closed.")]
After = Annotated[int, typer.Option(help="Show those after this number.", min=0)]

REPLAY = """Handle parked records again, as if they had just been read. Only open ones are replayed.

The preview tries them, 500 at a time, in a transaction that is rolled back, and counts what would become of them."""
CLOSE = "Mark parked records as resolved without a replay. Only open ones are closed."


def parked_verbs(command: CommandContext) -> typer.Typer:
    verbs = typer.Typer(help="Show parked records, replay or close them.", no_args_is_help=True)
    _add_listings(verbs, command)
    _add_resolutions(verbs, command)
    return verbs


def _add_listings(verbs: typer.Typer, command: CommandContext) -> None:
    @verbs.command("list")
    def list_(
        reason: Reason = None,
        source: Source = None,
        type_: Type = None,
        resolved: All = False,
        after: After = 0,
        limit: Limit = 1000,
    ) -> None:
        """Show parked records, the first parked first."""
        chosen = Selection(reason, source, type_)
        rows = command.run_in_session(lambda c: parked.load(c, chosen, resolved=resolved, after=after, at_most=limit))
        total = command.run_in_session(lambda c: parked.count(c, chosen, resolved=resolved))
        command.output.print(_table(rows))
        if rows and rows[-1]["id"] != total.last:
            command.output.print(
                f"{len(rows):,} of {total.records:,} records are shown; --after {rows[-1]['id']} shows more, "
                "and `parked groups` counts all"
            )

    @verbs.command("groups")
    def groups_(as_json: Json = False) -> None:
        """Show open records by reason, type, source and topic, the largest group first."""
        command.output.show(command.run_in_session(parked.groups), GROUP_COLUMNS, as_json=as_json)

    @verbs.command()
    def show(number: int) -> None:
        """Show one parked record: where it came from and why it was parked. Its content stays sealed."""
        row = command.run_in_session(lambda connection: connection.fetchrow(QUERIES["load_parked_record"], number))
        if row is None:
            command.output.fail(f"no record is parked under number {number}")
        for name, value in _described(row).items():
            command.output.print(f"{name:12} {value}")


def _add_resolutions(verbs: typer.Typer, command: CommandContext) -> None:
    def replay_resolution(who: str, why: str, commit: bool) -> Resolution:
        vault, bootstrap = command.keys.own, command.settings().kafka_bootstrap

        async def action(connection: Connection, operator: Operator, chosen: Sequence[int]) -> Outcome:
            async with TopicInspector(bootstrap) as topics:
                return await replay_parked(connection, operator, chosen, vault, topics)

        async def rehearse(
            rehearsal: ReplayPreview, connection: Connection, operator: Operator, chosen: Sequence[int]
        ) -> None:
            session = EngineSession(
                connection, command.transaction_terms(), Decoder(command.definition.sources), real_microseconds
            )
            async with TopicInspector(bootstrap) as topics:
                await rehearsal.add(session, operator.now, chosen, vault, topics)

        return Resolution(command, action, who, why, commit, rehearse)

    def close_resolution(who: str, why: str, commit: bool) -> Resolution:
        return Resolution(command, close_parked, who, why, commit)

    _add_resolution(verbs, "replay", REPLAY, replay_resolution)
    _add_resolution(verbs, "close", CLOSE, close_resolution)


def _add_resolution(
    verbs: typer.Typer, name: str, help_text: str, resolution: Callable[[str, str, bool], Resolution]
) -> None:
    @verbs.command(name, help=help_text)
    def resolve(
        who: Who,
        why: Why,
        numbers: Numbers = None,
        reason: Reason = None,
        source: Source = None,
        type_: Type = None,
        yes: Yes = False,
    ) -> None:
        resolution(who, why, yes)(numbers, Selection(reason, source, type_))


def _table(rows: Sequence[Record]) -> Table:
    table = Table("number", "reason", "detail", "topic", "partition", "offset", "parked", "state", box=None)
    for row in rows:
        table.add_row(
            str(row["id"]),
            row["reason"],
            row["detail"],
            row["topic"],
            str(row["partition"]),
            str(row["offset"]),
            f"{row['parked_at']:%Y-%m-%d %H:%M:%S}Z",
            _state(row),
        )
    return table


def _state(row: Record) -> str:
    if row["replayed_at"]:
        return f"replayed {row['replayed_at']:%Y-%m-%d %H:%M:%S}Z"
    return f"closed {row['closed_at']:%Y-%m-%d %H:%M:%S}Z" if row["closed_at"] else "open"


def _described(row: Record) -> dict[str, object]:
    return {
        "number": row["id"],
        "reason": row["reason"],
        "detail": row["detail"],
        "place": f"{row['topic']}/{row['partition']} at {row['offset']}",
        "lane": "none" if row["lane"] is None else row["lane"],
        "type": row["ce_type"],
        "source": row["ce_source"],
        "id": row["ce_id"],
        "bytes": row["size"] if row["whole"] else f"{row['size']}, of which the first are kept",
        "sha256": row["sha256"].hex(),
        "parked": f"{row['parked_at']:%Y-%m-%d %H:%M:%S}Z",
        "state": _state(row),
        "sealed": f"{row['sealed']} characters, opened only by replaying",
    }
