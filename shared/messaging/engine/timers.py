"""The timers that the engine itself sweeps, the same in every service."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from shared.contracts.park_reasons import ParkReason
from shared.messaging.engine.plan import Plan, Retention
from shared.messaging.engine.sweep import PORTION_BYTES, PORTION_RECORDS
from shared.messaging.queries import QUERIES
from shared.messaging.transaction import deferral, parking
from shared.messaging.transaction.decoder import Decoder
from shared.messaging.transaction.parking import ParkedRecord
from shared.messaging.transaction.subscription import Timer
from shared.messaging.transaction.transaction import Transaction


def engine_timers(decoder: Decoder, retention: Retention, causes: Mapping[str, tuple[str, ...]]) -> tuple[Timer, ...]:
    """Return the engine's own timers, but for `END_CATCHING_UP`.

    `causes`: by kind of a deferred record, the topics that can bring what it was deferred for. A kind that is not named
    there expires once all topics have been read.
    """

    async def end_queues(tx: Transaction, lanes: Sequence[int]) -> int:
        await deferral.end_queues(tx.connection, lanes)
        return 0

    async def forget_old(tx: Transaction, lanes: Sequence[int]) -> int:
        status = await tx.connection.execute(QUERIES["delete_old_pages"], tx.now - retention.pages, list(lanes))
        parked = await parking.delete_old(tx.connection, tx.now - retention.parked)
        return int(status.rsplit(" ", 1)[-1]) + parked

    expiries = [
        Timer(f"expire_{kind}", partial(_expire, decoder, [kind], named=True), topics)
        for kind, topics in causes.items()
    ]
    return (
        *expiries,
        Timer("expire", partial(_expire, decoder, list(causes), named=False)),
        Timer("end_queues", end_queues, prevented_by=()),
        Timer("forget_old", forget_old, prevented_by=()),
    )


async def _end_catching_up(tx: Transaction, lanes: Sequence[int]) -> int:
    await tx.connection.execute(QUERIES["end_catching_up"], list(lanes), tx.watermark)
    await tx.connection.execute(QUERIES["end_remembering"], list(lanes))
    return 0


END_CATCHING_UP = Timer("end_catching_up", _end_catching_up)
"""Timer that is swept after all others: what waited for it is done in the next round, before any deadline acts."""


def require_read(timers: Iterable[Timer], plan: Plan) -> None:
    """Raise ValueError for a timer that waits for a topic which the service does not read."""
    read = {source.topic for source in plan.sources}
    for timer in timers:
        if unread := set(timer.prevented_by or ()) - read:
            raise ValueError(
                f"{timer.name} waits for {sorted(unread)}; add a source for it, or take it out of the timer"
            )


async def _expire(decoder: Decoder, kinds: Sequence[str], tx: Transaction, lanes: Sequence[int], *, named: bool) -> int:
    """Park records that were deferred for too long, of these kinds or (not `named`) of all others."""
    limits = (PORTION_RECORDS, PORTION_BYTES)
    records = await tx.deferrals.take_expired(lanes, tx.watermark, kinds, limits, named=named)
    for record in records:
        message = decoder.decode_deferred(record, tx.now).message
        tx.parked.append(ParkedRecord(record, ParkReason.WAIT_EXPIRED, "", message.lane if message else None))
    return len(records)
