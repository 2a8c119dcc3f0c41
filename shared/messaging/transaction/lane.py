"""Lanes: the unit of order, parallelism, locking and recovery. A lane has one writer, whoever holds its row."""

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Connection

from shared.contracts.topics import LANES
from shared.messaging.outbox import store
from shared.messaging.queries import QUERIES


@dataclass(frozen=True, slots=True)
class Lane:
    """A locked lane as its row says.

    `catching_up`: after a restore, until its inputs have been read through. `remembers`: what was said before a restore
    may still wait for its cause. `queues`: kinds of what waits of which later records queue behind older ones.
    """

    number: int
    era: int
    stopped_reason: str | None
    set_aside: bool
    catching_up: bool
    remembers: bool
    queues: frozenset[str] = frozenset()

    @property
    def open(self) -> bool:
        return self.stopped_reason is None and not self.set_aside


def real_microseconds() -> int:
    """Real time, whatever the programme's clock says: eras and names only have to grow."""
    return time.time_ns() // 1000


async def insert_rows(connection: Connection, topics: Iterable[str]) -> None:
    """Every lane, and every topic the service writes, has its rows before anybody locks them."""
    await connection.execute(QUERIES["insert_lanes"], LANES)
    await store.insert_counters(connection, topics)


async def lock(connection: Connection, lanes: Collection[int]) -> dict[int, Lane]:
    """Locks the rows of these lanes, sorted, to the end of the transaction.

    A gap in one internal topic stops the lane in all of them, so gaps count as stops here.
    """
    wanted = sorted(lanes)
    rows = await connection.fetch(QUERIES["lock_lanes"], wanted)
    gaps = {row["lane"]: row["topic"] for row in await connection.fetch(QUERIES["lanes_with_gaps"], wanted)}
    return {
        row["lane"]: Lane(
            number=row["lane"],
            era=row["era"],
            stopped_reason=row["stopped_reason"] or ("gap" if row["lane"] in gaps else None),
            set_aside=row["set_aside"],
            catching_up=row["catching_up"],
            remembers=row["remembers"],
            queues=frozenset(row["queues"]),
        )
        for row in rows
    }


async def raise_eras(connection: Connection, lanes: Collection[int], real_microseconds: int) -> dict[int, int]:
    """Begins a new era in these locked lanes and returns it: max(era + 1, real clock)."""
    rows = await connection.fetch(QUERIES["raise_eras"], sorted(lanes), real_microseconds)
    await connection.execute(QUERIES["begin_eras"], sorted(lanes))
    return {row["lane"]: row["era"] for row in rows}


async def stop(connection: Connection, lane: int, reason: str, detail: str, now: datetime) -> None:
    """Stops a lane until an operator resumes it."""
    await connection.execute(QUERIES["stop_lane"], lane, reason, detail, now)
