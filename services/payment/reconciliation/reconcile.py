"""The comparison of a statement with the books, and the record of what disagrees."""

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import Connection

from services.payment.domain.reconciliation import Break, BreakState, KnownReference, find_breaks
from services.payment.reconciliation.files import StatementFile
from services.payment.store.statements import (
    Statement,
    StoredBreak,
    begin_reconciliation,
    count_lines,
    insert_breaks,
    insert_lines,
    insert_statement,
    load_breaks,
    load_known_references,
    load_open_references,
    load_references_of_statement,
    load_statement,
    next_statement,
    resolve_breaks,
)
from shared.contracts.topics import PARTNERS
from shared.errors import Refused

PORTION = 5_000
LINES_BETWEEN_REPORTS = 25_000
Progress = Callable[[str], None]


class FoundBreak(NamedTuple):
    """A break of a statement, and whether persons have closed it as it stands."""

    found: Break
    state: BreakState
    first_seen_at: datetime


class Reconciliation(NamedTuple):
    """A statement compared with the books. `matched` lines are those whose reference has no break."""

    partner: str
    digest: bytes
    statement: Statement
    matched: int
    breaks: list[FoundBreak]

    @property
    def is_clean(self) -> bool:
        """Return True if no break is open."""
        return all(b.state is BreakState.CLOSED for b in self.breaks)


class BreakChanges(NamedTuple):
    """Difference between the breaks that are stored and those that were found."""

    cured: list[StoredBreak]
    new: list[StoredBreak]


def require_partner(partner: str) -> None:
    """Raise Refused for a partner that does not exist."""
    if partner not in PARTNERS:
        raise Refused(f"there is no partner {partner}; partners are {', '.join(PARTNERS)}")


async def reconcile(
    connection: Connection, partner: str, file: StatementFile, now: datetime, progress: Progress
) -> Reconciliation:
    """Record a statement unless it is known, compare it with the books, and record and resolve breaks.

    It runs in one transaction and changes no money. Open breaks of the partner are compared again, whatever statement
    found them. Raise RefusedStatement for a file that cannot be read whole; nothing is recorded then.
    """
    async with connection.transaction():
        await begin_reconciliation(connection)
        statement = await load_statement(connection, partner, file.digest)
        if statement is None:
            statement = await _record(connection, partner, file, now, progress)
        own = set(await load_references_of_statement(connection, partner, statement))
        references = sorted(own | set(await load_open_references(connection, partner)))
        breaks: list[FoundBreak] = []
        matched = 0
        for begin in range(0, len(references), PORTION):
            portion = references[begin : begin + PORTION]
            known = await load_known_references(connection, partner, portion)
            lines = await count_lines(connection, statement.id, portion)
            found = await _save(connection, partner, known, now)
            breaks += [b for one in known if _concerns(statement, one, lines) for b in found.get(one.reference, ())]
            matched += sum(count for reference, count in lines.items() if reference not in found)
            if len(references) > PORTION:
                progress(f"{begin + len(portion)} of {len(references)} references compared")
    return Reconciliation(partner, file.digest, statement, matched, sorted(breaks))


def _concerns(statement: Statement, known: KnownReference, lines: Container[str]) -> bool:
    """Return True for a reference that the statement lists, or that was reported as paid or returned in its period."""
    return known.reference in lines or statement.covers(known.settled_at) or statement.covers(known.returned_at)


async def _record(
    connection: Connection, partner: str, file: StatementFile, now: datetime, progress: Progress
) -> Statement:
    statement, reader = await next_statement(connection), file.reader
    lines = 0

    def records() -> Iterator[tuple[object, ...]]:
        nonlocal lines
        for lines, line in enumerate(reader.lines(), 1):
            if lines % LINES_BETWEEN_REPORTS == 0:
                progress(f"{lines} lines read")
            yield (statement, lines, *line)

    await insert_lines(connection, records())
    period = reader.period()
    read = Statement(statement, lines, period.begins, period.ends)
    await insert_statement(connection, partner, file.digest, reader.form, read, now)
    return read


async def _save(
    connection: Connection, partner: str, known: Sequence[KnownReference], now: datetime
) -> dict[str, list[FoundBreak]]:
    """Record the breaks of these references, resolve those that are cured, and return all found by reference."""
    found = [b for one in known for b in find_breaks(one)]
    stored = await load_breaks(connection, partner, [one.reference for one in known])
    changes = compare(found, stored, now)
    await resolve_breaks(connection, partner, changes.cured, now)
    await insert_breaks(connection, partner, changes.new)
    standing = {b.found: b for b in (*stored, *changes.new) if b.state is not BreakState.RESOLVED}
    by_reference = defaultdict[str, list[FoundBreak]](list)
    for b in found:
        by_reference[b.reference].append(FoundBreak(b, standing[b].state, standing[b].first_seen_at))
    return by_reference


def compare(found: Sequence[Break], stored: Sequence[StoredBreak], now: datetime) -> BreakChanges:
    """Return which stored breaks are cured by now, and which breaks are new.

    A break that goes on with other amounts is another one, as old as the one before. One that was closed as it stands
    is not new.
    """
    still = set(found)
    cured = [b for b in stored if b.state is BreakState.OPEN and b.found not in still]
    standing = {b.found for b in stored if b.state is not BreakState.RESOLVED}
    ages = {b.found[:2]: b.first_seen_at for b in cured}
    numbers = Counter(b.found[:2] for b in stored)
    new = [
        StoredBreak(b, numbers[b[:2]] + 1, BreakState.OPEN, ages.get(b[:2], now)) for b in found if b not in standing
    ]
    return BreakChanges(cured, new)
