"""Checks on the clock of an installation with data: it passes open deadlines only on request."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import asyncpg

from shared.clock import BadOffset, Clock
from shared.errors import SalurError
from shared.postgres.queries import Queries

QUERIES = Queries.load("deploy.local")


class Leap(SalurError):
    """The clock would pass open deadlines, or its former time is unknown; the message says what to do."""


def time_shown(clock_file: Path) -> datetime:
    """Return the programme's time by the stored offset; raise Leap if the file holds none."""
    try:
        return Clock.from_file(clock_file).now()
    except BadOffset:
        raise Leap(
            f"{clock_file} does not hold the offset of the programme's clock, and there are data already; "
            "add CLOCK=<the time it is to show> LEAP=1"
        ) from None


async def refuse_leap(database_url: str, before: datetime, after: datetime) -> None:
    """Raise Leap if open deadlines lie between the two times; `database_url` is the superuser's."""
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
