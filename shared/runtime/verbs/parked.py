"""`parked`: records that broke a rule, and what becomes of them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

import typer
from asyncpg import Connection, Record
from rich.table import Table

from shared.contracts.reasons import ParkReason
from shared.messaging.lane import QUERIES
from shared.messaging.operations import Operator, Outcome, close_parked, replay_parked
from shared.runtime.desk import Desk
from shared.runtime.verbs.options import Who, Why, Yes

AT_MOST = 1000

Numbers = Annotated[list[int] | None, typer.Argument(help="Their numbers, as `parked list` shows them.")]
Reason = Annotated[ParkReason | None, typer.Option(help="Only those parked for this reason.")]
Settle = Callable[[Connection, Operator, Sequence[int]], Awaitable[Outcome]]


def parked_verbs(desk: Desk) -> typer.Typer:
    verbs = typer.Typer(help="Show parked records, replay or close them.", no_args_is_help=True)

    @verbs.command("list")
    def list_(
        reason: Reason = None,
        settled: Annotated[bool, typer.Option("--all", help="Those replayed or closed too.")] = False,
    ) -> None:
        """Show what is parked, the oldest first."""
        desk.out.print(_table(desk.ask(lambda connection: _parked(connection, reason, settled=settled))))

    @verbs.command()
    def show(number: int) -> None:
        """Show one parked record: where it came from and why it is here. Its content stays sealed."""
        row = desk.ask(lambda connection: connection.fetchrow(QUERIES["load_parked_record"], number))
        if row is None:
            desk.give_up(f"no record is parked under number {number}")
        for name, value in _described(row).items():
            desk.out.print(f"{name:12} {value}", markup=False)

    @verbs.command()
    def replay(who: Who, why: Why, numbers: Numbers = None, reason: Reason = None, yes: Yes = False) -> None:
        """Put records back through the intake, as if they had just come. Only what is open is replayed."""
        vault = desk.vault()
        settle(lambda c, operator, found: replay_parked(c, operator, found, vault), numbers, reason, who, why, do=yes)

    @verbs.command()
    def close(who: Who, why: Why, numbers: Numbers = None, reason: Reason = None, yes: Yes = False) -> None:
        """Mark records as looked at, with nothing to be done. Only what is open is closed."""
        settle(close_parked, numbers, reason, who, why, do=yes)

    def settle(
        deed: Settle, numbers: list[int] | None, reason: ParkReason | None, who: str, why: str, *, do: bool
    ) -> None:
        if not numbers and reason is None:
            desk.give_up("say which: numbers, or --reason")

        async def settle_chosen(connection: Connection, operator: Operator) -> Outcome:
            chosen = numbers or [row["id"] for row in await _parked(connection, reason, settled=False)]
            return await deed(connection, operator, chosen)

        desk.operate(settle_chosen, who, why, do=do)

    return verbs


async def _parked(connection: Connection, reason: ParkReason | None, *, settled: bool) -> Sequence[Record]:
    return list(await connection.fetch(QUERIES["load_parked"], reason and reason.value, settled, AT_MOST))


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
        "bytes": row["size"],
        "sha256": row["sha256"].hex(),
        "parked": f"{row['parked_at']:%Y-%m-%d %H:%M:%S}Z",
        "state": _state(row),
        "sealed": f"{len(row['sealed'])} characters, opened only by replaying",
    }
