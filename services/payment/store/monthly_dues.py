"""Monthly dues: benefits that are to fall due by the clock."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import Connection

from services.payment.domain.series import MonthlyDue
from services.payment.store import QUERIES


class TakenDue(NamedTuple):
    """Monthly due whose time has come, with the participant of its training."""

    participant_id: str
    redeem_code: str
    benefit: str


async def insert_monthly_dues(connection: Connection, dues: Sequence[MonthlyDue]) -> None:
    await connection.copy_records_to_table("monthly_due", columns=MonthlyDue._fields, records=dues)


async def take_monthly_dues(
    connection: Connection, lanes: Sequence[int], due_by: datetime, at_most: int
) -> list[TakenDue]:
    """Delete and return monthly dues that are due at `due_by` or before, the oldest first."""
    return [
        TakenDue(*row) for row in await connection.fetch(QUERIES["take_monthly_dues"], list(lanes), due_by, at_most)
    ]
