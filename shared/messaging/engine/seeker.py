"""Positioning: sets the consumer to the positions in Postgres, after each rebalance and in each new session.

It does so again on request: a position was moved from outside, a topic replaced, a fetch failed, a batch given up."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Mapping

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, RecordTooLargeError
from asyncpg import Record

from shared.messaging.engine import seek
from shared.messaging.engine.assignment import PartitionAssignment
from shared.messaging.engine.membership import Membership, Superseded
from shared.messaging.engine.plan import Plan
from shared.messaging.engine.recovery import adopt_tails
from shared.messaging.engine.status import OutageMonitor
from shared.messaging.queries import QUERIES
from shared.messaging.reading import position as positions_of
from shared.messaging.reading.position import PositionMoved
from shared.messaging.reading.topic_inspector import TopicInspector
from shared.messaging.transaction.decoder import Decoder
from shared.messaging.transaction.session import EngineSession
from shared.postgres.columns import columns

LOG = structlog.get_logger()
PAUSE_SECONDS = 0.5


class Seeker:
    """Positions the assigned partitions on request, and requests it where something of theirs has changed."""

    def __init__(
        self,
        plan: Plan,
        decoder: Decoder,
        inspector: TopicInspector,
        membership: Membership,
        assignment: PartitionAssignment,
        outage: OutageMonitor,
    ) -> None:
        self._plan = plan
        self._decoder = decoder
        self._inspector = inspector
        self._membership = membership
        self._assignment = assignment
        self._outage = outage

    async def run(self) -> None:
        """Position on every request until cancelled; trouble is tried again.

        A process whose name another one has taken requests its own shutdown (SIGTERM): two of one name would take the
        lanes from each other for ever.
        """
        while True:
            await self._assignment.reseek_requested()
            try:
                await self._position()
                self._outage.end()
            except Superseded:
                signal.raise_signal(signal.SIGTERM)
                return
            except PositionMoved:
                self._assignment.reseek()
            except Exception as error:  # noqa: BLE001 - nothing is read until it succeeds
                self._outage.note("positioning", error)
                with contextlib.suppress(Exception):
                    await self._inspector.close()
                await asyncio.sleep(PAUSE_SECONDS)
                self._assignment.reseek()

    async def _position(self) -> None:
        session = await self._membership.enter()
        consumer = self._assignment.consumer
        if consumer is None:
            return
        places = frozenset(consumer.assignment())
        await adopt_tails(session, self._inspector, self._plan)
        async with session.exclusive() as connection:
            await self._plan.note(connection)
            found = await seek.resolve_offsets(connection, self._inspector, self._decoder, places)
        # Nothing may be awaited here: a request that comes after the offsets were found has to be seen by `start`.
        self._assignment.start(found)

    async def on_revoked(self) -> None:
        """Give the partitions back, and return when this process may join its group again."""
        self._assignment.revoke()
        await self._membership.join()

    def on_fetch_error(self, error: KafkaError) -> None:
        """Reseek when the client cannot hand out the next records; while positions are being found, ignore it.

        An offset that is gone is dealt with by positioning; a batch that is corrupt beyond all bounds stays an outage.
        """
        if self._assignment.positioned:
            if isinstance(error, CorruptRecordException | RecordTooLargeError):
                self._outage.note("fetching", error)
            self._assignment.reseek()

    async def guard(self, part: str, step: Awaitable[None]) -> None:
        """Run one step of a loop; log its failure, and reseek in a new session when this one is lost."""
        try:
            await step
        except Exception as error:  # noqa: BLE001 - whatever it was, the next round tries again
            LOG.warning("outage", part=part, error=repr(error))
            if self._membership.session_lost:
                self._assignment.reseek()

    async def verify_topics(self) -> None:
        """Adopt what a restore has forgotten of our own topics, and reseek where a topic is not the one we read."""
        session = self._membership.session
        if session is None or not self._assignment.positioned:
            return
        await adopt_tails(session, self._inspector, self._plan)
        async with session.exclusive() as connection:
            positions = await positions_of.load(connection, list(self._assignment.read_offsets))
        if await seek.changed_topics(self._inspector, list(positions.values())):
            self._assignment.reseek()

    def compare(self, positions: Mapping[TopicPartition, Record]) -> None:
        """Reseek where an operator has set a partition going again, or has set it back."""
        resumed = any(positions[place]["stopped_reason"] is None for place in self._assignment.stopped)
        set_back = any(positions[place]["next_offset"] < at for place, at in self._assignment.read_offsets.items())
        if resumed or set_back:
            self._assignment.reseek()

    async def pass_over(self, session: EngineSession) -> None:
        """Move positions past control records at the end of a partition, which the client never hands out."""
        consumer = self._assignment.consumer
        moves = []
        for place, read_offset in list(self._assignment.read_offsets.items()):
            if consumer is None or place not in consumer.assignment() or self._assignment.is_paused(place):
                continue
            now_at = await consumer.position(place)
            # Asked last: a record that was handed out meanwhile is being handled, and may not be passed over.
            if consumer.reached(place) <= read_offset < now_at:
                moves.append((place, read_offset, now_at))
        if moves:
            async with session.exclusive() as connection:
                moved = await connection.fetch(
                    QUERIES["pass_over"],
                    *columns((place for place, _, _ in moves), "topic", "partition"),
                    [read_offset for _, read_offset, _ in moves],
                    [now_at for _, _, now_at in moves],
                )
            self._assignment.advance(
                {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in moved}
            )
