"""`parked`: records that broke a rule, and what becomes of them."""

from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from asyncpg import Connection, Record
from rich.table import Table

from shared.contracts.reasons import ParkReason
from shared.messaging.intake import Intake
from shared.messaging.lane import QUERIES, real_microseconds
from shared.messaging.operations import Operator, Outcome, close_parked, replay_parked
from shared.messaging.rehearsal import Rehearsal
from shared.messaging.session import Session
from shared.messaging.topics import Topics
from shared.runtime import parked
from shared.runtime.desk import Desk
from shared.runtime.parked import Selection
from shared.runtime.verbs.options import Json, Who, Why, Yes
from shared.runtime.verbs.resolution import GROUP_COLUMNS, Resolution

Numbers = Annotated[list[int] | None, typer.Argument(help="Their numbers, as `parked list` shows them.")]
Reason = Annotated[ParkReason | None, typer.Option(help="Only those parked for this reason.")]
Source = Annotated[str | None, typer.Option(help="Only those of this ce_source.", metavar="TEXT")]
Type = Annotated[str | None, typer.Option("--type", help="Only those of this ce_type.", metavar="TEXT")]
All = Annotated[bool, typer.Option("--all", help="Those replayed or closed too.")]
After = Annotated[int, typer.Option(help="Begin behind this number.", min=0)]
Limit = Annotated[int, typer.Option(help="Show so many at most.", min=1, max=10_000)]

REPLAY = """Put records back through the intake, as if they had just come. Only what is open is replayed.

The preview tries them, 500 at a time, in a transaction that is rolled back, and says what would become of them."""
CLOSE = "Mark records as looked at, with nothing to be done. Only what is open is closed."


def parked_verbs(desk: Desk) -> typer.Typer:
    verbs = typer.Typer(help="Show parked records, replay or close them.", no_args_is_help=True)
    _add_views(verbs, desk)
    _add_resolutions(verbs, desk)
    return verbs


def _add_views(verbs: typer.Typer, desk: Desk) -> None:
    @verbs.command("list")
    def list_(
        reason: Reason = None,
        source: Source = None,
        type_: Type = None,
        resolved: All = False,
        after: After = 0,
        limit: Limit = 1000,
    ) -> None:
        """Show what is parked in the order in which it was parked, and how much there is in all."""
        chosen = Selection(reason, source, type_)
        rows = desk.ask(lambda c: parked.load(c, chosen, resolved=resolved, after=after, at_most=limit))
        total = desk.ask(lambda c: parked.count(c, chosen, resolved=resolved))
        desk.out.print(_table(rows))
        if rows and rows[-1]["id"] != total.last:
            desk.out.print(
                f"{len(rows):,} of {total.records:,} records are shown; --after {rows[-1]['id']} goes on, "
                "and `parked groups` sums up"
            )

    @verbs.command("groups")
    def groups_(as_json: Json = False) -> None:
        """Show what is open by cause and source, the largest group first."""
        desk.show(desk.ask(parked.groups), GROUP_COLUMNS, as_json=as_json)

    @verbs.command()
    def show(number: int) -> None:
        """Show one parked record: where it came from and why it is here. Its content stays sealed."""
        row = desk.ask(lambda connection: connection.fetchrow(QUERIES["load_parked_record"], number))
        if row is None:
            desk.give_up(f"no record is parked under number {number}")
        for name, value in _described(row).items():
            desk.out.print(f"{name:12} {value}", markup=False)


def _add_resolutions(verbs: typer.Typer, desk: Desk) -> None:
    def replaying(who: str, why: str, do: bool) -> Resolution:
        vault, bootstrap = desk.keys.own, desk.settings().kafka_bootstrap

        async def action(connection: Connection, operator: Operator, chosen: Sequence[int]) -> Outcome:
            async with Topics(bootstrap) as topics:
                return await replay_parked(connection, operator, chosen, vault, topics)

        async def rehearse(
            rehearsal: Rehearsal, connection: Connection, operator: Operator, chosen: Sequence[int]
        ) -> None:
            session = Session(connection, desk.terms(), Intake(desk.parts.sources), real_microseconds)
            async with Topics(bootstrap) as topics:
                await rehearsal.add(session, operator.now, chosen, vault, topics)

        return Resolution(desk, action, who, why, do, rehearse)

    def closing(who: str, why: str, do: bool) -> Resolution:
        return Resolution(desk, close_parked, who, why, do)

    _add_resolution(verbs, "replay", REPLAY, replaying)
    _add_resolution(verbs, "close", CLOSE, closing)


def _add_resolution(
    verbs: typer.Typer, name: str, what: str, resolution: Callable[[str, str, bool], Resolution]
) -> None:
    @verbs.command(name, help=what)
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
