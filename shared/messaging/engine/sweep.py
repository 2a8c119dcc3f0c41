"""Sweeps: what is due by the clock in the lanes this process holds, a bounded portion per transaction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

import structlog

from shared.contracts.park_reasons import ParkReason
from shared.messaging.engine.plan import Retention
from shared.messaging.message import unpack
from shared.messaging.outbox.page import Page
from shared.messaging.queries import QUERIES
from shared.messaging.reading.position import PositionMoved
from shared.messaging.transaction.decoder import Decoder
from shared.messaging.transaction.lane import stop as stop_lane
from shared.messaging.transaction.session import EngineSession
from shared.messaging.transaction.subscription import Timer
from shared.messaging.transaction.transaction import ParkedRecord, Transaction
from shared.postgres.failures import is_infrastructure

LOG = structlog.get_logger()
PORTION_RECORDS = 500
PORTION_BYTES = 4 << 20
PORTIONS_AT_ONCE = 200


def engine_timers(decoder: Decoder, retention: Retention, causes: Mapping[str, tuple[str, ...]]) -> tuple[Timer, ...]:
    """Return what the engine itself sweeps, the same in every service.

    `causes`: by kind of what waits, the topics that can bring what it waits for. Kinds that are not named there are
    given up once all topics have been read.
    """

    async def end_queues(tx: Transaction, lanes: Sequence[int]) -> int:
        for query in ("end_marks", "end_queues", "clear_set_aside"):
            await tx.connection.execute(QUERIES[query], list(lanes))
        return 0

    async def end_catching_up(tx: Transaction, lanes: Sequence[int]) -> int:
        await tx.connection.execute(QUERIES["end_catching_up"], list(lanes), tx.watermark)
        await tx.connection.execute(QUERIES["end_remembering"], list(lanes))
        return 0

    async def forget_old(tx: Transaction, lanes: Sequence[int]) -> int:
        pages = await tx.connection.execute(QUERIES["delete_old_pages"], tx.now - retention.pages, list(lanes))
        parked = await tx.connection.execute(QUERIES["delete_old_parked"], tx.now - retention.parked)
        return _count(pages) + _count(parked)

    expiries = [
        Timer(f"expire_{kind}", partial(_expire, decoder, [kind], named=True), topics)
        for kind, topics in causes.items()
    ]
    return (
        *expiries,
        Timer("expire", partial(_expire, decoder, list(causes), named=False)),
        Timer("end_queues", end_queues, beaten_by=()),
        Timer("end_catching_up", end_catching_up),
        Timer("forget_old", forget_old, beaten_by=()),
    )


async def _expire(decoder: Decoder, kinds: Sequence[str], tx: Transaction, lanes: Sequence[int], *, named: bool) -> int:
    """Park what has waited too long, of these kinds or (not `named`) of all others."""
    rows = await tx.connection.fetch(
        QUERIES["load_expired"], list(lanes), tx.watermark, kinds, named, PORTION_RECORDS, PORTION_BYTES
    )
    taken = await tx.connection.fetch(QUERIES["delete_deferred"], [row["id"] for row in rows])
    if len(taken) != len(rows):
        raise PositionMoved
    tx.deferred_count -= len(rows)
    for row in rows:
        item = decoder.decode_deferred(unpack(row["record"]), tx.now)
        lane = item.message.lane if item.message else None
        tx.parked.append(ParkedRecord(item.record, ParkReason.WAIT_EXPIRED, "", lane))
    return len(rows)


def _count(status: str) -> int:
    return int(status.rsplit(" ", 1)[-1])


Offer = Callable[[Iterable[Page]], None]


async def sweep(
    session: EngineSession, timer: Timer, lanes: Sequence[int], now: datetime, watermark: datetime, offer: Offer
) -> list[int]:
    """Runs one timer to the end of what is due; returns the lanes that stand still.

    An unknown failure is tried again lane by lane, so that only the lane that has it stops.
    """
    standing_still: list[int] = []
    for _ in range(PORTIONS_AT_ONCE):
        try:
            done, standing_still = await _portion(session, timer, lanes, now, watermark, offer)
        except Exception as error:
            if is_infrastructure(error) or isinstance(error, PositionMoved):
                raise
            if len(lanes) == 1:
                await _stop(session, lanes[0], timer, error, now)
                return list(lanes)
            for lane in lanes:
                standing_still += await sweep(session, timer, [lane], now, watermark, offer)
            return standing_still
        if done == 0:
            break
    return standing_still


async def _portion(
    session: EngineSession, timer: Timer, lanes: Sequence[int], now: datetime, watermark: datetime, offer: Offer
) -> tuple[int, list[int]]:
    done = 0
    still: list[int] = []

    async def body(tx: Transaction) -> None:
        nonlocal done
        still.extend(lane for lane in lanes if tx.lanes[lane].stopped_reason is not None)
        going = [lane for lane in lanes if tx.lanes[lane].stopped_reason is None]
        done = await timer.sweep(tx, going) if going else 0

    offer(await session.transact(lanes, body, now=now, watermark=watermark, hand_over=True))
    return done, still


async def _stop(session: EngineSession, lane: int, timer: Timer, error: Exception, now: datetime) -> None:
    async def body(tx: Transaction) -> None:
        await stop_lane(tx.connection, lane, "invariant", f"{timer.name}: {error!r}"[:500], now)

    LOG.error("lane_stopped", lane=lane, reason="invariant", timer=timer.name, error=repr(error), exc_info=error)
    await session.transact([lane], body, now=now)
