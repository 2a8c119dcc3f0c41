"""The answer of a reconciliation: for programs, and for a treasurer's spreadsheet."""

import csv
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from pydantic_core import to_json

from services.payment.domain.reconciliation import BreakClass
from services.payment.reconciliation.reconcile import FoundBreak, Reconciliation
from shared.errors import Refused
from shared.times import write_time

COLUMNS = ("class", "reference", "instructed", "reported", "stated", "state", "first_seen_at")
# A spreadsheet takes a text that begins with one of these as a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")

Row = dict[str, object]


def rows(done: Reconciliation) -> list[Row]:
    """Return a row for each break."""
    return [_row(b) for b in done.breaks]


def answer(done: Reconciliation) -> str:
    """Return the answer as JSON: the same text for the same statement while the books are the same."""
    return to_json(
        {
            "partner": done.partner,
            "statement": done.digest.hex(),
            "from": write_time(done.statement.from_at),
            "until": write_time(done.statement.until),
            "lines": done.statement.lines,
            "matched": done.matched,
            "breaks": rows(done),
        },
        indent=2,
    ).decode()


def write_report(done: Reconciliation, path: Path) -> None:
    """Write the breaks and the totals of each class as CSV that spreadsheets open; raise Refused."""
    text = StringIO(newline="")
    writer = csv.writer(text)
    for row in _report_rows(done):
        writer.writerow([_harmless(value) for value in row])
    try:
        path.write_bytes(text.getvalue().encode("utf-8-sig"))
    except OSError as error:
        raise Refused(f"the report cannot be written to {path}: {error.strerror}") from error


def _report_rows(done: Reconciliation) -> Iterator[tuple[object, ...]]:
    statement = done.statement
    yield COLUMNS
    yield from (tuple(row.values()) for row in rows(done))
    yield ()
    yield ("class", "breaks", "stated")
    counts = Counter(b.found.kind for b in done.breaks)
    for kind in BreakClass:
        yield kind.value, counts[kind], sum(b.found.stated or 0 for b in done.breaks if b.found.kind is kind)
    yield ()
    yield "partner", "from", "until", "lines", "matched", "statement"
    period = (write_time(statement.from_at), write_time(statement.until))
    yield done.partner, *period, statement.lines, done.matched, done.digest.hex()


def _row(found: FoundBreak) -> Row:
    b = found.found
    values = (b.kind, b.reference, b.instructed, b.reported, b.stated, found.state, write_time(found.first_seen_at))
    return dict(zip(COLUMNS, values, strict=True))


def _harmless(value: object) -> object:
    """Return a value that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
