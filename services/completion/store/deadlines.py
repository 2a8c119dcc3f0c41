"""Deadlines: the times at which enrollments that are still open become `not_completed`."""

from collections.abc import Sequence
from datetime import datetime

from asyncpg import Connection

from services.completion.domain.enrollment import Enrollment
from services.completion.store import QUERIES

COLUMNS = ("due_at", "lane", "redeem_codes")


async def insert_deadlines(connection: Connection, enrollments: Sequence[Enrollment]) -> None:
    """Insert the deadlines of new enrollments, one row per time and lane; rejected enrollments have none."""
    codes: dict[tuple[datetime, int], list[str]] = {}
    for enrollment in enrollments:
        if enrollment.terms is not None:
            due = (enrollment.terms.rule.span.due_at, enrollment.lane)
            codes.setdefault(due, []).append(enrollment.redeem_code)
    records = [(*due, of_lane) for due, of_lane in codes.items()]
    await connection.copy_records_to_table("deadline", columns=COLUMNS, records=records)


async def take_deadlines(connection: Connection, lanes: Sequence[int], due_by: datetime, at_most: int) -> set[str]:
    """Delete the deadlines of at most so many enrollments, due at or before `due_by`; return their redeem codes."""
    rows = await connection.fetch(QUERIES["take_deadlines"], list(lanes), due_by, at_most)
    return {code for row in rows for code in row["codes"]}


async def load_open_without_deadline(connection: Connection) -> list[str]:
    """Load the redeem codes of open enrollments without a deadline. Reads both tables whole."""
    return [row["redeem_code"] for row in await connection.fetch(QUERIES["load_open_without_deadline"])]
