"""Runs the timers of the lanes this process holds, and takes up what is ready there."""

import asyncio
import time
from collections.abc import Awaitable, Mapping, Sequence

import structlog
from aiokafka import TopicPartition
from asyncpg import Record

from shared.messaging.engine.assignment import PartitionAssignment
from shared.messaging.engine.batch_runner import BatchRunner
from shared.messaging.engine.plan import EngineStatus, Plan
from shared.messaging.engine.sweep import PORTION_BYTES, PORTION_RECORDS, engine_timers, sweep
from shared.messaging.message import unpack
from shared.messaging.outbox.publisher import Publisher
from shared.messaging.queries import QUERIES
from shared.messaging.reading.topic_inspector import TopicInspector
from shared.messaging.reading.watermark import HeldUp, Progress
from shared.messaging.transaction.batch import Batch
from shared.messaging.transaction.decoder import Decoder
from shared.messaging.transaction.session import EngineSession
from shared.messaging.transaction.subscription import Timer

LOG = structlog.get_logger()
NO_LANE = -1
COUNT_FACTOR = 50


class Sweeper:
    """One round after the other. What fails in one part of a round keeps none of the others from being done."""

    def __init__(
        self,
        plan: Plan,
        decoder: Decoder,
        assignment: PartitionAssignment,
        inspector: TopicInspector,
        batch_runner: BatchRunner,
        publisher: Publisher,
        status: EngineStatus,
    ) -> None:
        self._plan = plan
        self._decoder = decoder
        self._assignment = assignment
        self._inspector = inspector
        self._batch_runner = batch_runner
        self._publisher = publisher
        self._status = status
        self._count_again_at = float("-inf")
        self._timers = (*engine_timers(decoder, plan.retention, plan.causes), *plan.timers)
        _require_read(self._timers, plan)

    async def run(self) -> None:
        """Sweep until cancelled, and take up in between what is left to the sweeps, as soon as it is there."""
        while True:
            await self._safely("sweep", self.round())
            next_round = time.monotonic() + self._plan.sweep_every_seconds
            self._assignment.release_pending.set()
            while await self._is_ready(next_round - time.monotonic()):
                await self._safely("waking", self._run_released(next_round))

    async def _is_ready(self, seconds: float) -> bool:
        """Wait until something is left to the sweeps; False when nothing was for so long."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._assignment.release_pending.wait()
        except TimeoutError:
            return False
        self._assignment.release_pending.clear()
        return seconds > 0

    async def _safely(self, part: str, step: Awaitable[None]) -> None:
        try:
            await step
        except Exception as error:  # noqa: BLE001 - whatever it was, the next round tries again
            LOG.warning("outage", part=part, error=repr(error))
            session = self._assignment.session
            if session is not None and session.connection.is_closed():
                self._assignment.reseek()

    async def round(self) -> None:
        """Look how far the inputs are read, and run every timer to the end of what is due.

        What nothing can beat comes first: it joins what waits with the causes that were read, and only then is known
        which lanes have nothing left to take up, and may be given up what was not joined.
        """
        session = self._assignment.session
        if session is None or not self._assignment.positioned:
            return
        await self._confirm_schema(session)
        await self._count_deferred(session)
        await self._look_up_ends()
        await self._pass_over()
        positions = await self._load_positions(session)
        lanes, still = sorted(self._assignment.lanes), set[int]()
        joined = [await self._run(session, timer, lanes, still) for timer in self._timers if timer.beaten_by == ()]
        if all(joined):
            await self._note_progress(session, positions)
        for timer in self._timers:
            if timer.beaten_by != ():
                await self._run(session, timer, lanes, still)
        self._status.held_up = self._held_up([lane for lane in lanes if lane not in still])
        self._assignment.resume_paused()
        self._status.sweeps += 1

    async def _confirm_schema(self, session: EngineSession) -> None:
        """Let go of a session whose schema has become another program's; nothing is read until it is ours again."""
        try:
            async with session.exclusive() as connection:
                await self._plan.confirm(connection)
        except Exception:
            session.connection.terminate()
            raise

    async def _count_deferred(self, session: EngineSession) -> None:
        """Count what waits, so seldom that it takes a fiftieth of the time at most; in between the session adds up."""
        began = time.monotonic()
        if began < self._count_again_at and session.counted:
            return
        async with session.exclusive() as connection:
            session.deferred_count = await connection.fetchval(QUERIES["count_all_deferred"])
            session.counted = True
        self._count_again_at = time.monotonic() + COUNT_FACTOR * (time.monotonic() - began)

    async def _run(self, session: EngineSession, timer: Timer, lanes: Sequence[int], still: set[int]) -> bool:
        """Sweep the lanes in groups that are read equally far; add those that stand still. False: not all was done."""
        whole = True
        now = self._plan.clock.now()
        for group, watermark in self._assignment.watermarks.groups(lanes, timer.beaten_by, now):
            if not self._assignment.positioned:
                return False
            try:
                still |= set(await sweep(session, timer, group, now, watermark, self._publisher.offer))
            except Exception as error:
                if session.connection.is_closed():
                    raise
                LOG.warning("outage", part="sweep", timer=timer.name, error=repr(error))
                whole = False
        return whole

    async def _look_up_ends(self) -> None:
        """While Kafka does not answer, deadlines act up to the moment that was read through before."""
        consumer, watermarks = self._assignment.consumer, self._assignment.watermarks
        known = {topic: consumer.partitions_for_topic(topic) or () for topic in self._decoder.sources if consumer}
        places = watermarks.note_partitions(known)
        now = self._plan.clock.now()
        try:
            watermarks.note_ends(await self._inspector.ends(places), now)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next round asks again
            LOG.warning("outage", part="ends", error=repr(error))
            await self._inspector.close()

    async def _load_positions(self, session: EngineSession) -> Mapping[TopicPartition, Record]:
        async with session.exclusive() as connection:
            rows = await connection.fetch(QUERIES["load_all_positions"])
        positions = {TopicPartition(row["topic"], row["partition"]): row for row in rows}
        mended = any(positions[place]["stopped_reason"] is None for place in self._assignment.stopped)
        set_back = any(positions[place]["next_offset"] < at for place, at in self._assignment.read_offsets.items())
        if mended or set_back:
            self._assignment.reseek()
        return positions

    async def _note_progress(self, session: EngineSession, positions: Mapping[TopicPartition, Record]) -> None:
        async with session.exclusive() as connection:
            # Asked last: what was read by then has taken effect, or lies there.
            busy = await connection.fetch(QUERIES["lanes_with_released"], sorted(self._assignment.lanes))
        progress = {place: _progress(row) for place, row in positions.items()}
        settled = self._assignment.lanes - {row["lane"] for row in busy}
        self._assignment.watermarks.note_progress(progress, settled, time.monotonic())

    def _held_up(self, lanes: Sequence[int]) -> tuple[HeldUp, ...]:
        marks, seconds = self._assignment.watermarks, time.monotonic()
        return tuple(
            held for timer in self._timers for held in marks.held_up(timer.name, lanes, timer.beaten_by, seconds)
        )

    async def _pass_over(self) -> None:
        """Moves positions past control records at the end of a partition, which are never handed out."""
        session, consumer = self._assignment.session, self._assignment.consumer
        assert session is not None
        moves = []
        for place, read_offset in list(self._assignment.read_offsets.items()):
            if consumer is None or place not in consumer.assignment() or place in self._assignment.paused:
                continue
            now_at = await consumer.position(place)
            # Asked last: what has been handed out meanwhile is on its way, and not to be passed over.
            if consumer.reached(place) <= read_offset < now_at:
                moves.append((place.topic, place.partition, read_offset, now_at))
        if moves and consumer is not None:
            async with session.exclusive() as connection:
                columns = (list(column) for column in zip(*moves, strict=True))
                moved = await connection.fetch(QUERIES["pass_over"], *columns)
            for row in moved:
                self._assignment.read_offsets[TopicPartition(row["topic"], row["partition"])] = row["next_offset"]

    async def _run_released(self, until: float) -> None:
        """Take up what is marked, a portion after the other, until nothing is left or so many seconds have passed.

        Each portion is a batch like any other, and between two of them reading has its turn.
        """
        taken: set[int] = set()
        while self._assignment.positioned:
            rows = await self._next_portion()
            ids = {row["id"] for row in rows}
            # What could not be taken up stands still, and says so itself.
            if ids <= taken:
                return
            taken = ids
            now, order = self._plan.clock.now(), self._decoder.order
            items = [
                self._decoder.decode_deferred(unpack(row["record"]), now, row["id"], (row["kind"], row["key"]))
                for row in rows
            ]
            items.sort(key=lambda item: (order[item.record.topic], item.deferred_id))
            await self._batch_runner.run(Batch(items, {}))
            if time.monotonic() >= until:
                self._assignment.release_pending.set()
                return

    async def _next_portion(self) -> "Sequence[Record]":
        session, lanes = self._assignment.session, sorted(self._assignment.lanes)
        if session is None or not lanes:
            return []
        # What belongs to no lane is taken up with the first.
        wanted = [NO_LANE, *lanes] if 0 in lanes else lanes
        async with session.exclusive() as connection:
            rows: Sequence[Record] = await connection.fetch(
                QUERIES["load_released_portion"], wanted, PORTION_RECORDS, PORTION_BYTES
            )
        return rows


def _progress(row: Record) -> Progress:
    return Progress(row["next_offset"], whole=row["whole"], stopped=row["stopped_reason"] is not None)


def _require_read(timers: Sequence[Timer], plan: Plan) -> None:
    """Raise LookupError for a timer that waits for a topic which the service does not read."""
    read: Mapping[str, object] = dict.fromkeys(source.topic for source in plan.sources)
    for timer in timers:
        if unread := set(timer.beaten_by or ()) - read.keys():
            raise LookupError(f"{timer.name} waits for topics that nobody reads here: {sorted(unread)}")
