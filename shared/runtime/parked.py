"""Parked records as operators see them: true totals, groups by cause and source, portions of what is open."""

from collections.abc import Sequence
from typing import NamedTuple

from asyncpg import Connection, Record

from shared.contracts.park_reasons import ParkReason
from shared.messaging.queries import QUERIES

GROUPS_SHOWN = 100
PORTION = 500
PORTION_BYTES = 32 << 20


class Selection(NamedTuple):
    """Which parked records are meant: all, or those of a reason, of a `ce_source`, of a `ce_type`."""

    reason: ParkReason | None = None
    source: str | None = None
    type: str | None = None

    @property
    def arguments(self) -> tuple[str | None, str | None, str | None]:
        return (self.reason and self.reason.value, self.source, self.type)


ALL_PARKED = Selection()


class Totals(NamedTuple):
    """How many records, and the number of the last; None if there are none."""

    records: int
    last: int | None


async def load(
    connection: Connection, selection: Selection, *, resolved: bool, after: int, at_most: int
) -> Sequence[Record]:
    """Return the first records after a number; those replayed or closed only if `resolved`."""
    return list(await connection.fetch(QUERIES["load_parked"], *selection.arguments, resolved, after, at_most))


async def count(connection: Connection, selection: Selection, *, resolved: bool = False) -> Totals:
    """Return how many there are, however many are shown."""
    (row,) = await connection.fetch(QUERIES["count_parked"], *selection.arguments, resolved)
    return Totals(row["records"], row["last"])


async def groups(connection: Connection, selection: Selection = ALL_PARKED) -> list[dict[str, object]]:
    """Return the open ones by cause and source, the largest hundred groups first."""
    rows = await connection.fetch(QUERIES["group_parked"], *selection.arguments, GROUPS_SHOWN)
    names = ("records", "reason", "ce_type", "ce_source", "topic", "oldest")
    return [{name: row[name] for name in names} for row in rows]


async def open_numbers(connection: Connection, selection: Selection, *, after: int, last: int) -> list[int]:
    """Return the next portion of open ones after a number and up to another."""
    rows = await connection.fetch(
        QUERIES["open_parked_numbers"], *selection.arguments, after, last, PORTION, PORTION_BYTES
    )
    return [row["id"] for row in rows]
