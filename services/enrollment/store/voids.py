"""Voids of purchases: noted while undecided, and the end of what was confirmed."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

from asyncpg import Connection

from services.enrollment.domain.purchase import EnrollmentState
from services.enrollment.store import QUERIES
from services.enrollment.store.enrollments import Enrollment
from services.enrollment.store.state_counts import add_to_state_counts
from shared.postgres.columns import columns

VOID = ("redeem_code", "voided_at", "void_reason")


async def note_voids(connection: Connection, enrollments: Collection[Enrollment]) -> None:
    """Note the voids of undecided purchases."""
    if enrollments:
        await connection.execute(QUERIES["note_voids"], *columns(enrollments, *VOID))


async def void_enrollments(
    connection: Connection, enrollments: Collection[Enrollment], carried_by: Sequence[int | None], now: datetime
) -> None:
    """Void confirmed enrollments, each with the number of its event, and count them as voided."""
    if not enrollments:
        return
    await connection.execute(QUERIES["void_enrollments"], now, *columns(enrollments, *VOID), carried_by)
    lanes, numbers = zip(*Counter(one.lane for one in enrollments).items(), strict=True)
    await connection.execute(QUERIES["subtract_voided"], lanes, numbers)
    await add_to_state_counts(connection, ((one.lane, EnrollmentState.VOIDED) for one in enrollments))
