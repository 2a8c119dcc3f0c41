"""The clock of an installation with data: it goes on as it went, and leaps over open deadlines only when asked to."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import asyncpg

from shared.clock import BadOffset, Clock
from shared.errors import SalurError
from shared.postgres.queries import Queries

QUERIES = Queries.load("deploy.local")


class Leap(SalurError):
    """The clock would pass open deadlines, or nobody knows where it stood; says what to do."""


def time_shown(clock_file: Path) -> datetime:
    """Return the programme's time by the offset that the data had before; raises Leap if the file holds none."""
    try:
        return Clock.from_file(clock_file).now()
    except BadOffset:
        raise Leap(
            f"{clock_file} does not say where the programme's clock stood, and the data are not new; "
            "say CLOCK=<the time it is to show> LEAP=1"
        ) from None


async def refuse_leap(database_url: str, before: datetime, after: datetime) -> None:
    """Raise Leap if deadlines that are open lie between the two times; `database_url` is the superuser's."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(QUERIES["deadlines_between"], before, after)
    finally:
        await connection.close()
    if rows:
        passed = ", ".join(f"{row['count']:,} {row['kind']} of {row['service']}" for row in rows)
        raise Leap(
            f"CLOCK={after:%Y-%m-%dT%H:%M:%SZ} would take the clock from {before:%Y-%m-%dT%H:%M:%SZ} past open "
            f"deadlines: {passed}. Leave CLOCK out to go on where the clock stands, or add LEAP=1 to let them pass"
        )
