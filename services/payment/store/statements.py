"""Statements of partners, their lines, and the breaks that were found in them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import Connection, Record

from services.payment.domain.reconciliation import Booking, Break, BreakClass, BreakState, KnownReference, LineKind
from services.payment.store import QUERIES
from shared.postgres.columns import columns

LINE_COLUMNS = (
    "statement",
    "number",
    "reference",
    "partner_reference",
    "amount",
    "kind",
    "booked_on",
    "reason",
)


class Statement(NamedTuple):
    """Statement that was read whole: its number, the number of its lines, and the period from `from_at` to `until`."""

    id: int
    lines: int
    from_at: datetime
    until: datetime

    def covers(self, moment: datetime | None) -> bool:
        """Return True for a time within its period."""
        return moment is not None and self.from_at <= moment < self.until


class StoredBreak(NamedTuple):
    """Break as it was recorded; of one reference and class the highest `number` is the latest."""

    found: Break
    number: int
    state: BreakState
    first_seen_at: datetime


async def begin_reconciliation(connection: Connection) -> None:
    """Wait for other statements to be done, and plan this transaction for lookups by reference."""
    await connection.execute(QUERIES["lock_statements"])
    await connection.execute(QUERIES["plan_by_reference"])


async def load_statement(connection: Connection, partner: str, digest: bytes) -> Statement | None:
    """Load the statement of a partner by the SHA-256 of its file."""
    row = await connection.fetchrow(QUERIES["load_statement"], partner, digest)
    return Statement(**row) if row else None


async def next_statement(connection: Connection) -> int:
    """Return the number of the next statement."""
    return int(await connection.fetchval(QUERIES["next_statement"]))


async def insert_lines(connection: Connection, records: Iterable[tuple[object, ...]]) -> None:
    """Insert lines with the values of LINE_COLUMNS, as they come."""
    await connection.copy_records_to_table("statement_line", columns=LINE_COLUMNS, records=records)


async def insert_statement(
    connection: Connection, partner: str, digest: bytes, form: str, statement: Statement, now: datetime
) -> None:
    """Insert a statement whose lines are there."""
    period = (statement.from_at, statement.until)
    await connection.execute(
        QUERIES["insert_statement"], statement.id, partner, digest, form, *period, statement.lines, now
    )


async def load_references_of_statement(connection: Connection, partner: str, statement: Statement) -> list[str]:
    """Load the references in a statement, and those paid or returned by the books since its period began."""
    rows = await connection.fetch(QUERIES["load_references_of_statement"], statement.id, partner, statement.from_at)
    return [row["reference"] for row in rows]


async def load_open_references(connection: Connection, partner: str) -> list[str]:
    """Load the references of a partner with open breaks."""
    return [row["reference"] for row in await connection.fetch(QUERIES["load_open_references"], partner)]


async def load_known_references(
    connection: Connection, partner: str, references: Sequence[str]
) -> list[KnownReference]:
    """Load all that is known of these references at a partner."""
    bookings = defaultdict[str, list[Booking]](list)
    for row in await connection.fetch(QUERIES["load_bookings"], partner, references):
        booking = Booking(LineKind(row["kind"]), row["amount"], row["booked_on"])
        bookings[row["reference"]] += [booking] * row["times"]
    rows = await connection.fetch(QUERIES["load_known_references"], partner, references)
    return [_known(row, bookings[row["reference"]]) for row in rows]


async def count_lines(connection: Connection, statement: int, references: Sequence[str]) -> dict[str, int]:
    """Return the number of lines of a statement for each of these references that it has."""
    rows = await connection.fetch(QUERIES["count_lines"], statement, references)
    return {row["reference"]: row["lines"] for row in rows}


async def load_breaks(connection: Connection, partner: str, references: Sequence[str]) -> list[StoredBreak]:
    """Load all breaks of these references, also those that are over."""
    return [_stored(row) for row in await connection.fetch(QUERIES["load_breaks"], partner, references)]


async def resolve_breaks(connection: Connection, partner: str, cured: Sequence[StoredBreak], now: datetime) -> None:
    """Save that these breaks are over by themselves."""
    rows = columns(cured, "found.reference", "found.kind", "number")
    await connection.execute(QUERIES["resolve_breaks"], partner, *rows, now)


async def insert_breaks(connection: Connection, partner: str, new: Sequence[StoredBreak]) -> None:
    """Insert breaks, all of them open."""
    found = columns(new, "found.kind", "found.reference", "found.instructed", "found.reported", "found.stated")
    rows = columns(new, "number", "first_seen_at")
    await connection.execute(QUERIES["insert_breaks"], partner, *found, *rows)


async def lock_break(connection: Connection, partner: str, reference: str, kind: BreakClass) -> StoredBreak | None:
    """Lock the open break of a reference and class, and return it; None if there is none."""
    row = await connection.fetchrow(QUERIES["lock_break"], partner, reference, kind)
    return _stored(row) if row else None


async def close_break(
    connection: Connection,
    partner: str,
    known: StoredBreak,
    now: datetime,
    people: tuple[str, str | None],
    why: str,
    document: str,
) -> None:
    """Close a break by decision of one person or two."""
    key = (known.found.reference, known.found.kind, known.number)
    await connection.execute(QUERIES["close_break"], partner, *key, now, *people, why, document)


async def view_breaks(
    connection: Connection, partner: str | None, kind: BreakClass | None, state: BreakState, at_most: int
) -> Sequence[Record]:
    """Return breaks with their amounts, times and decisions, the oldest first."""
    return await connection.fetch(QUERIES["view_breaks"], partner, kind, state, at_most)


async def view_open_breaks(connection: Connection) -> Sequence[Record]:
    """Return partner, class, number of open breaks, and the time at which the oldest was first seen."""
    return await connection.fetch(QUERIES["count_open_breaks"])


def _known(row: Record, bookings: list[Booking]) -> KnownReference:
    paid = row["settled_at"] is not None or row["paid_besides"]
    return KnownReference(
        reference=row["reference"],
        instructed=row["instructed"],
        reported=row["instructed"] if row["settled_at"] is not None else row["contradicted"],
        settled=paid and row["instructed"] is not None,
        settled_at=row["settled_at"],
        rejected=row["rejected"],
        returned_at=row["returned_at"],
        settlement_covered=row["settlement_covered"],
        return_covered=row["return_covered"],
        bookings=tuple(bookings),
    )


def _stored(row: Record) -> StoredBreak:
    found = Break(BreakClass(row["class"]), row["reference"], row["instructed"], row["reported"], row["stated"])
    return StoredBreak(found, row["number"], BreakState(row["state"]), row["first_seen_at"])
