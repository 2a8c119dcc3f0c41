"""Counters of enrollments by lane and state, in the table `tally`."""

from collections.abc import Iterable

from asyncpg import Connection

from services.completion.domain.enrollment import EnrollmentState
from services.completion.store import QUERIES


async def add_to_state_counts(connection: Connection, counts: Iterable[tuple[tuple[int, str], int]]) -> None:
    """Add ((lane, state), number) of enrollments that have just entered a state."""
    counted = sorted(counts)
    await connection.execute(
        QUERIES["add_to_state_counts"],
        [lane for (lane, _), _ in counted],
        [state for (_, state), _ in counted],
        [number for _, number in counted],
    )


async def load_state_counts(connection: Connection) -> dict[EnrollmentState, int]:
    """Load the number of enrollments that ever entered each state; a decided enrollment is counted as open as well."""
    rows = await connection.fetch(QUERIES["load_state_counts"])
    return {EnrollmentState(row["state"]): row["enrollments"] for row in rows}


async def count_enrollments_by_state(connection: Connection) -> dict[EnrollmentState, int]:
    """Return the number of enrollments that are in each state now. Reads the whole table."""
    rows = await connection.fetch(QUERIES["count_enrollments_by_state"])
    return {EnrollmentState(row["state"]): row["enrollments"] for row in rows}
