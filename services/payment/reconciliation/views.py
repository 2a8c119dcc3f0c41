"""Views of breaks for operators and gauges."""

from datetime import datetime

from asyncpg import Connection

from services.payment.domain.reconciliation import BreakClass, BreakState
from services.payment.store.statements import view_breaks, view_open_breaks
from shared.contracts.topics import PARTNERS
from shared.runtime.definition import Gauge
from shared.times import write_time

View = dict[str, object]
BREAKS_SHOWN = 1000


async def breaks(
    connection: Connection,
    now: datetime,
    partner: str | None = None,
    kind: BreakClass | None = None,
    state: BreakState = BreakState.OPEN,
    at_most: int = BREAKS_SHOWN,
) -> list[View]:
    """Return breaks, the oldest first, with their age in days and the decision of those that were closed."""
    rows = await view_breaks(connection, partner, kind, state, at_most)
    return [_view(dict(row), now) for row in rows]


async def break_gauges(connection: Connection, now: datetime) -> list[Gauge]:
    """Return the number of open breaks and the age of the oldest, by partner and class; 0 where there is none."""
    rows = {(row["partner"], row["class"]): row for row in await view_open_breaks(connection)}
    found = []
    for partner in PARTNERS:
        for kind in BreakClass:
            row, labels = rows.get((partner, kind.value)), {"partner": partner, "class": kind.value}
            age = (now - row["oldest"]).total_seconds() if row else 0.0
            found.append(Gauge("salur_reconciliation_breaks", float(row["breaks"] if row else 0), labels))
            found.append(Gauge("salur_reconciliation_break_oldest_seconds", age, labels))
    return found


def _view(row: View, now: datetime) -> View:
    first_seen = row["first_seen_at"]
    assert isinstance(first_seen, datetime)
    shown = {name: write_time(value) if isinstance(value, datetime) else value for name, value in row.items()}
    return shown | {"age_days": (now - first_seen).days}
