"""Progress of reading: notes ends and positions in every round of the sweeper, and raises the watermarks."""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import structlog
from aiokafka import TopicPartition
from asyncpg import Record

from shared.messaging.engine.assignment import PartitionAssignment
from shared.messaging.engine.plan import Plan
from shared.messaging.reading.topic_inspector import TopicInspector
from shared.messaging.reading.watermark import HeldUp, Progress, Watermarks
from shared.messaging.transaction.deferral import load_busy_lanes
from shared.messaging.transaction.session import EngineSession
from shared.messaging.transaction.subscription import Timer

LOG = structlog.get_logger()


class ReadingProgress:
    """The owner of the watermarks: it compares the ends of all input partitions with how far each is read."""

    def __init__(self, plan: Plan, inspector: TopicInspector, assignment: PartitionAssignment) -> None:
        self._plan = plan
        self._inspector = inspector
        self._assignment = assignment
        self._watermarks = Watermarks({source.topic: source.internal for source in plan.sources})

    def forget(self) -> None:
        """Start anew in a new session: its database may be an older copy."""
        self._watermarks.forget()

    async def note_ends(self) -> None:
        """Look up the ends. While Kafka does not answer, deadlines act up to the watermarks reached before."""
        consumer = self._assignment.consumer
        topics = [source.topic for source in self._plan.sources]
        known = {topic: consumer.partitions_for_topic(topic) or () for topic in topics if consumer}
        places = self._watermarks.note_partitions(known)
        now = self._plan.clock.now()
        try:
            self._watermarks.note_ends(await self._inspector.ends(places), now)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next round asks again
            LOG.warning("outage", part="ends", error=repr(error))
            await self._inspector.close()

    async def note_positions(self, session: EngineSession, positions: Mapping[TopicPartition, Record]) -> None:
        """Raise the watermarks of all partitions that are read to the end looked up before."""
        lanes = self._assignment.lanes
        async with session.exclusive() as connection:
            # Asked last: by then what was read has taken effect, or is found here.
            busy = await load_busy_lanes(connection, lanes)
        progress = {place: _progress(row) for place, row in positions.items()}
        self._watermarks.note_progress(progress, lanes - busy, time.monotonic())

    def groups(self, lanes: Sequence[int], timer: Timer, now: datetime) -> list[tuple[list[int], datetime]]:
        """Return the lanes in groups that are swept together, each with the watermark of its deadlines."""
        return self._watermarks.groups(lanes, timer.prevented_by, now)

    def held_up(self, timers: Iterable[Timer], lanes: Sequence[int]) -> tuple[HeldUp, ...]:
        """Return which deadlines do not act in these lanes, and the partitions that they wait for."""
        seconds = time.monotonic()
        return tuple(
            held
            for timer in timers
            for held in self._watermarks.held_up(timer.name, lanes, timer.prevented_by, seconds)
        )


def _progress(row: Record) -> Progress:
    return Progress(row["next_offset"], whole=row["whole"], stopped=row["stopped_reason"] is not None)
