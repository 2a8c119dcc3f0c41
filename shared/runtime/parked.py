"""Parked records as operators see them: totals, groups by cause and source, and portions of the open ones."""

from collections.abc import Sequence
from dataclasses import dataclass

from asyncpg import Connection, Record

from shared.contracts.park_reasons import ParkReason
from shared.messaging.queries import QUERIES

GROUPS_SHOWN = 100
PORTION = 500
PORTION_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection of parked records: all, or those of a reason, a `ce_source` and a `ce_type`."""

    reason: ParkReason | None = None
    source: str | None = None
    type: str | None = None

    @property
    def arguments(self) -> tuple[str | None, str | None, str | None]:
        return (self.reason and self.reason.value, self.source, self.type)


ALL_PARKED = Selection()


@dataclass(frozen=True, slots=True)
class Totals:
    """The number of records, and the number of the last one; None if there are none."""

    records: int
    last: int | None


async def load(
    connection: Connection, selection: Selection, *, resolved: bool, after: int, at_most: int
) -> Sequence[Record]:
    """Return the first records after a number; replayed and closed ones only if `resolved`."""
    return list(await connection.fetch(QUERIES["load_parked"], *selection.arguments, resolved, after, at_most))


async def count(connection: Connection, selection: Selection, *, resolved: bool = False) -> Totals:
    """Count the records of a selection; replayed and closed ones only if `resolved`."""
    (row,) = await connection.fetch(QUERIES["count_parked"], *selection.arguments, resolved)
    return Totals(row["records"], row["last"])


async def groups(connection: Connection, selection: Selection = ALL_PARKED) -> list[dict[str, object]]:
    """Return the open records grouped by cause and source, the hundred largest groups first."""
    rows = await connection.fetch(QUERIES["group_parked"], *selection.arguments, GROUPS_SHOWN)
    names = ("records", "reason", "ce_type", "ce_source", "topic", "oldest")
    return [{name: row[name] for name in names} for row in rows]


async def open_numbers(connection: Connection, selection: Selection, *, after: int, last: int) -> list[int]:
    """Return the numbers of the next portion of open records after `after` and up to `last`."""
    rows = await connection.fetch(
        QUERIES["open_parked_numbers"], *selection.arguments, after, last, PORTION, PORTION_BYTES
    )
    return [row["id"] for row in rows]
