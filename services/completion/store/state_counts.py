"""Counters of enrollments by lane and state, in the table `tally`."""

from collections import Counter
from collections.abc import Iterable

from asyncpg import Connection

from services.completion.domain.enrollment import EnrollmentState
from services.completion.store import QUERIES


async def add_to_state_counts(connection: Connection, counts: Iterable[tuple[tuple[int, str], int]]) -> None:
    """Add ((lane, state), number) of enrollments that have just entered a state."""
    await connection.execute(QUERIES["add_to_state_counts"], *_as_columns(counts))


async def count_reopened(connection: Connection, lanes: Iterable[int]) -> None:
    """Count an enrollment of each of these lanes as completed, and no longer as not completed."""
    by_lane = Counter(lanes)
    taken = [((lane, EnrollmentState.NOT_COMPLETED.value), number) for lane, number in by_lane.items()]
    await connection.execute(QUERIES["take_from_state_counts"], *_as_columns(taken))
    await add_to_state_counts(
        connection, [((lane, EnrollmentState.COMPLETED.value), number) for lane, number in by_lane.items()]
    )


async def load_state_counts(connection: Connection) -> dict[EnrollmentState, int]:
    """Load the number of enrollments that ever entered each state; a decided enrollment is counted as open as well.

    A reopened one is counted as open and completed alone.
    """
    rows = await connection.fetch(QUERIES["load_state_counts"])
    return {EnrollmentState(row["state"]): row["enrollments"] for row in rows}


async def count_enrollments_by_state(connection: Connection) -> dict[EnrollmentState, int]:
    """Return the number of enrollments that are in each state now. Reads the whole table."""
    rows = await connection.fetch(QUERIES["count_enrollments_by_state"])
    return {EnrollmentState(row["state"]): row["enrollments"] for row in rows}


def _as_columns(counts: Iterable[tuple[tuple[int, str], int]]) -> tuple[list[int], list[str], list[int]]:
    counted = sorted(counts)
    return (
        [lane for (lane, _), _ in counted],
        [state for (_, state), _ in counted],
        [number for _, number in counted],
    )
