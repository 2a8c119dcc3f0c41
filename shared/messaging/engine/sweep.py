"""One timer swept: what is due by the clock in some lanes, a bounded portion per transaction."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import structlog

from shared.messaging.outbox.page import Page
from shared.messaging.reading.position import PositionMoved
from shared.messaging.transaction.lane import stop as stop_lane
from shared.messaging.transaction.session import EngineSession
from shared.messaging.transaction.subscription import Timer
from shared.messaging.transaction.transaction import Transaction
from shared.postgres.failures import is_infrastructure

LOG = structlog.get_logger()
# The most records, and bytes of them, that a sweep handles in one transaction.
PORTION_RECORDS = 500
PORTION_BYTES = 4 << 20
PORTIONS_AT_ONCE = 200

Offer = Callable[[Iterable[Page]], None]


async def sweep(
    session: EngineSession, timer: Timer, lanes: Sequence[int], now: datetime, watermark: datetime, offer: Offer
) -> list[int]:
    """Run one timer to the end of what is due; return the lanes that stand still.

    After an unknown failure the lanes are swept one by one, so that only the lane in which it occurs stops.
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

    offer(await session.transact(lanes, body, now=now, watermark=watermark, leave_released=True))
    return done, still


async def _stop(session: EngineSession, lane: int, timer: Timer, error: Exception, now: datetime) -> None:
    async def body(tx: Transaction) -> None:
        await stop_lane(tx.connection, lane, "invariant", f"{timer.name}: {error!r}"[:500], now)

    LOG.error("lane_stopped", lane=lane, reason="invariant", timer=timer.name, error=repr(error), exc_info=error)
    await session.transact([lane], body, now=now)
