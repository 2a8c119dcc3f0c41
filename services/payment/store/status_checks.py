"""Status checks: disbursements to look at, until every partner has sent its final report."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import Connection

from services.payment.store import QUERIES


class StatusCheck(NamedTuple):
    """Trainings of one lane with a disbursement at this partner. Its fields are the columns of its table."""

    look_at: datetime
    lane: int
    partner: str
    redeem_codes: Sequence[str]


async def insert_status_checks(connection: Connection, checks: Sequence[StatusCheck]) -> None:
    await connection.copy_records_to_table("reminder", columns=StatusCheck._fields, records=checks)


async def take_status_checks(
    connection: Connection, lanes: Sequence[int], partner: str, due: datetime, at_most: int
) -> set[str]:
    """Delete up to `at_most` status checks of a partner that are due, and return their redeem codes."""
    rows = await connection.fetch(QUERIES["take_status_checks"], list(lanes), partner, due, at_most)
    return {code for row in rows for code in row["redeem_codes"]}
