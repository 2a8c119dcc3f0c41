"""Reminders: whom to look at, and when, until every partner has said its final word."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import Connection

from services.payment.store import QUERIES


class StatusCheck(NamedTuple):
    """Trainings of one lane, of which something is at this partner."""

    look_at: datetime
    lane: int
    partner: str
    redeem_codes: Sequence[str]


async def insert_status_checks(connection: Connection, checks: Sequence[StatusCheck]) -> None:
    """Adds these."""
    await connection.copy_records_to_table("reminder", columns=StatusCheck._fields, records=checks)


async def take_status_checks(
    connection: Connection, lanes: Sequence[int], partner: str, due: datetime, at_most: int
) -> set[str]:
    """The redeem codes of so many of a partner's reminders at most, which are gone then."""
    rows = await connection.fetch(QUERIES["take_status_checks"], list(lanes), partner, due, at_most)
    return {code for row in rows for code in row["redeem_codes"]}
