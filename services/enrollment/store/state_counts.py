"""Counters of decided enrollments by lane and state, in the table `tally`."""

from collections import Counter
from collections.abc import Iterable

from asyncpg import Connection

from services.enrollment.store import QUERIES


async def add_to_state_counts(connection: Connection, decided: Iterable[tuple[int, str]]) -> None:
    """Add the (lane, state) of enrollments that have just been decided."""
    counts = Counter(decided)
    if counts:
        lanes, states = zip(*counts, strict=True)
        await connection.execute(QUERIES["add_to_state_counts"], list(lanes), list(states), list(counts.values()))


async def load_state_counts(connection: Connection) -> dict[str, int]:
    """Load the number of enrollments in each state; the undecided ones are counted by this query."""
    rows = await connection.fetch(QUERIES["load_state_counts"])
    return {row["state"]: row["enrollments"] for row in rows}
