"""Runner of batches: commits each in a transaction, retries infrastructure, and bisects for a bad record.

A batch at which infrastructure fails more than once in a row is handled in smaller portions until they succeed.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from shared.contracts.park_reasons import Parked, ParkReason
from shared.messaging.engine.assignment import PartitionAssignment
from shared.messaging.engine.membership import Membership
from shared.messaging.engine.plan import CommittedBatch, Plan
from shared.messaging.engine.status import OutageMonitor
from shared.messaging.failpoint import hit
from shared.messaging.message import Record
from shared.messaging.outbox.publisher import Publisher
from shared.messaging.reading import position as positions_of
from shared.messaging.reading.position import PositionMoved
from shared.messaging.transaction.batch import Batch, BatchPlan, handle
from shared.messaging.transaction.decoder import DecodedRecord, Decoder
from shared.messaging.transaction.deferral import is_deferred
from shared.messaging.transaction.lane import stop as stop_lane
from shared.messaging.transaction.session import EngineSession
from shared.messaging.transaction.transaction import Transaction
from shared.postgres.failures import is_infrastructure, is_record_fault

LOG = structlog.get_logger()
SHORTEST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0


class BatchRunner:
    """Runs batches, and counts those that were committed: `batches`, their `records`, and when the last one was."""

    def __init__(
        self,
        plan: Plan,
        decoder: Decoder,
        membership: Membership,
        assignment: PartitionAssignment,
        publisher: Publisher,
        outage: OutageMonitor,
    ) -> None:
        self.batches = 0
        self.records = 0
        self.last_batch_at: datetime | None = None
        self._plan = plan
        self._decoder = decoder
        self._membership = membership
        self._assignment = assignment
        self._publisher = publisher
        self._outage = outage
        self._failures = 0
        self._portion_limit = plan.batch_records

    async def receive(self, records: Sequence[Record]) -> None:
        """Run a batch as the consumer fetched it: grouped by partition, in order inside each.

        Never raises: FastStream would swallow the error and hand out the records behind.
        """
        consumer = self._assignment.consumer
        if consumer is None:
            return
        began = consumer.began
        now = self._plan.clock.now()
        items = [self._decoder.decode(record, now) for record in records]
        items.sort(key=lambda item: self._decoder.order[item.record.topic])
        try:
            await self.run(Batch(items, began))
        except Exception as error:
            LOG.exception("batch_given_up", error=repr(error))
            self._assignment.reseek()

    async def run(self, batch: Batch) -> bool:
        """Return True when the batch is committed, False when its records will be read again anyway."""
        while len(batch.items) > self._portion_limit:
            portion, batch = batch.split(self._portion_limit)
            if not await self._run_portion(portion):
                return False
        return not batch.items or await self._run_portion(batch)

    async def _run_portion(self, batch: Batch) -> bool:
        for attempt in itertools.count():
            session = self._membership.session
            if session is None or not self._assignment.positioned:
                return False
            if len(batch.items) > self._portion_limit:
                return await self.run(batch)
            try:
                await self._commit(session, batch)
                self._grow()
                return True
            except PositionMoved:
                self._assignment.reseek()
                return False
            except Exception as error:  # noqa: BLE001 - what failed decides what happens
                if not is_infrastructure(error):
                    await self._bisect(session, batch, error)
                    return True
                self._shrink(batch, error)
                if session.connection.is_closed():
                    self._assignment.reseek()
                    return False
            await asyncio.sleep(_pause_seconds(attempt))
        return False

    def _shrink(self, batch: Batch, error: Exception) -> None:
        """Note a failure of infrastructure, and halve the batch size after a second one in a row.

        No record is parked for it. One that fails alone is tried for as long as it takes, and named in the outage.
        """
        self._failures += 1
        if self._failures > 1:
            self._portion_limit = max(1, min(self._portion_limit, len(batch.items)) // 2)
        first = batch.items[0].record
        alone = f" {first.topic}/{first.partition}/{first.offset}" if len(batch.items) == 1 else ""
        self._outage.note(f"batch{alone}", error)

    def _grow(self) -> None:
        self._failures = 0
        self._portion_limit = min(self._plan.batch_records, 2 * self._portion_limit)
        self._outage.end()

    async def _commit(self, session: EngineSession, batch: Batch, *, leave_released: bool = False) -> None:
        started, now = time.perf_counter(), self._plan.clock.now()
        batch_plan = BatchPlan()

        async def body(tx: Transaction) -> None:
            nonlocal batch_plan
            batch_plan = await handle(tx, self._decoder, batch)

        hit("before_begin")
        pages = await session.transact(batch.lanes(), body, now=now, leave_released=leave_released)
        self._publisher.offer(pages)
        self._assignment.advance({new.place: new.next_offset for _, new in batch_plan.moves})
        if batch_plan.paused:
            self._assignment.pause(batch_plan.paused)
        if batch_plan.gaps_closed:
            self._assignment.resume_paused()
        _log_gaps(batch_plan)
        self.batches += 1
        self.records += len(batch.items)
        self.last_batch_at = now
        self._plan.observe(_committed(batch, time.perf_counter() - started, now))

    async def _bisect(self, session: EngineSession, batch: Batch, error: Exception) -> None:
        """Halve the batch until the record that fails is alone, so that it holds up no other."""
        if len(batch.items) > 1:
            for half in batch.split(len(batch.items) // 2):
                await self.run(half)
            return
        item = batch.items[0]
        try:
            # A record that it released may be the one that fails: the sweep of its lane handles that one alone.
            await self._commit(session, batch, leave_released=True)
            return
        except Exception as again:  # noqa: BLE001 - what failed decides what happens
            if is_infrastructure(again) or isinstance(again, PositionMoved):
                self._assignment.reseek()
                return
        # An internal record was checked before it was published, so then it is the code that is wrong.
        if is_record_fault(error) and not self._decoder.internal(item.record.topic):
            detail = str(getattr(error, "sqlstate", "")) or type(error).__name__
            refused = item._replace(message=None, refusal=Parked(ParkReason.INVALID_FIELD, detail))
            await self.run(replace(batch, items=[refused]))
            return
        try:
            await self._stop(session, item, batch.began.get(item.record.place, 0), error)
        except PositionMoved:
            self._assignment.reseek()
            return
        await self.run(batch)

    async def _stop(self, session: EngineSession, item: DecodedRecord, began: int, error: Exception) -> None:
        """Stop the record's lane for a broken invariant; a shared cause has no lane, so its partition is stopped.

        A shared cause that was deferred stops the lane of its dead letter. Raise PositionMoved where the record is no
        longer the next: reading goes on elsewhere, or another process has handled it.
        """
        record, now = item.record, self._plan.clock.now()
        lane = item.lane if item.deferred_id is None else item.sweep_lane
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}

        async def body(tx: Transaction) -> None:
            if item.deferred_id is not None:
                if not await is_deferred(tx.connection, item.deferred_id):
                    raise PositionMoved
            elif lane is None:
                await positions_of.stop(tx.connection, record.place, began, "invariant")
            else:
                await positions_of.confirm(tx.connection, record.place, began)
            if lane is not None:
                text = f"{record.topic}/{record.partition}/{record.offset}: {error!r}"[:500]
                await stop_lane(tx.connection, lane, "invariant", text, now)

        await session.transact([] if lane is None else [lane], body, now=now)
        LOG.error("lane_stopped", lane=lane, reason="invariant", error=repr(error), exc_info=error, **place)


def _pause_seconds(attempt: int) -> float:
    longest: float = min(LONGEST_PAUSE_SECONDS, SHORTEST_PAUSE_SECONDS * 2 ** min(attempt, 9))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter


def _committed(batch: Batch, seconds: float, now: datetime) -> CommittedBatch:
    oldest: dict[str, datetime] = {}
    for item in batch.items:
        if (message := item.message) is not None and message.time < oldest.setdefault(message.type, now):
            oldest[message.type] = message.time
    ages = {type_: (now - written).total_seconds() for type_, written in oldest.items()}
    return CommittedBatch(seconds, len(batch.items), ages)


def _log_gaps(batch_plan: BatchPlan) -> None:
    """Log which lanes stand still since this batch because a number is missing, and which go on."""
    for began, end in batch_plan.moves:
        if began.gap_since and not end.gap_since:
            LOG.info("lane_goes_on", lane=end.partition, topic=end.topic, number=end.last_sequence)
        elif end.gap_since and (not began.gap_since or began.unreadable_offset != end.unreadable_offset):
            reason = "gap" if end.unreadable_offset is None else "unreadable"
            place = {"lane": end.partition, "topic": end.topic, "number": end.last_sequence + 1}
            LOG.error("lane_stopped", reason=reason, **place, offset=end.unreadable_offset, why=end.unreadable_why)
