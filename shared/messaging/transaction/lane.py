"""Lanes: the unit of order, parallelism, locking and recovery. The transaction that locks its row is the writer."""

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
    """A locked row of `lane`.

    `catching_up`: after a restore, until its inputs are read to the ends seen after the adoption. `remembers`: an event
    from before a restore may still have no cause. `queues` are the kinds of which later records are deferred behind
    older ones.
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
    """Return real time, which the service's clock may differ from: eras and entries only have to grow."""
    return time.time_ns() // 1000


async def insert_rows(connection: Connection, topics: Iterable[str]) -> None:
    """Insert the missing rows of lanes, and of the topics that the service writes."""
    await connection.execute(QUERIES["insert_lanes"], LANES)
    await store.insert_counters(connection, topics)


async def lock(connection: Connection, lanes: Collection[int]) -> dict[int, Lane]:
    """Lock the rows of these lanes, sorted, to the end of the transaction.

    A gap in one internal topic stops the lane in all of them, so it counts as a stop here.
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
    """Begin a new era in these locked lanes and return it: max(era + 1, real time)."""
    rows = await connection.fetch(QUERIES["raise_eras"], sorted(lanes), real_microseconds)
    await connection.execute(QUERIES["begin_eras"], sorted(lanes))
    return {row["lane"]: row["era"] for row in rows}


async def stop(connection: Connection, lane: int, reason: str, detail: str, now: datetime) -> None:
    """Stop a lane until an operator resumes it."""
    await connection.execute(QUERIES["stop_lane"], lane, reason, detail, now)
