"""What a process holds: a Postgres session, and the partitions that Kafka gave to it, found and sought."""

import asyncio
import contextlib
import signal

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException, IllegalStateError, KafkaError, RecordTooLargeError

from shared.messaging.engine import recovery, seek
from shared.messaging.engine.plan import EngineStatus, Plan
from shared.messaging.outbox.publisher import Publisher
from shared.messaging.queries import QUERIES
from shared.messaging.reading.consumer import ContiguousConsumer
from shared.messaging.reading.position import PositionMoved
from shared.messaging.reading.topic_inspector import TopicInspector
from shared.messaging.reading.watermark import Watermarks
from shared.messaging.transaction.decoder import Decoder
from shared.messaging.transaction.lane import insert_rows, real_microseconds
from shared.messaging.transaction.session import EngineSession
from shared.messaging.transaction.transaction import TransactionTerms

LOG = structlog.get_logger()


class Superseded(Exception):
    """Another process has been started under this one's name."""


class PartitionAssignment:
    """Anchors at every assignment, in every new Postgres session, and whenever a position turns out to have moved."""

    def __init__(
        self, plan: Plan, decoder: Decoder, inspector: TopicInspector, publisher: Publisher, status: EngineStatus
    ) -> None:
        self.consumer: ContiguousConsumer | None = None
        self.session: EngineSession | None = None
        self.lanes: frozenset[int] = frozenset()
        self.release_pending = asyncio.Event()
        self.watermarks = Watermarks({source.topic: source.internal for source in plan.sources})
        self.read_offsets: dict[TopicPartition, int] = {}
        self.paused: set[TopicPartition] = set()
        self.stopped: dict[TopicPartition, str] = {}
        self._plan = plan
        self._decoder = decoder
        self._inspector = inspector
        self._publisher = publisher
        self._status = status
        self._reseek_requested = asyncio.Event()
        self._since: int | None = None
        self._entry_lock = asyncio.Lock()
        self._joining: asyncio.Task[object] | None = None

    @property
    def positioned(self) -> bool:
        return self._status.positioned

    def reseek(self) -> None:
        """Nothing more is read until the positions have been found anew. Safe to call from anywhere, at any time."""
        self._status.positioned = False
        if self.consumer is not None and (assigned := self.consumer.assignment()):
            self.consumer.pause(*assigned)
        self._reseek_requested.set()

    def on_fetch_error(self, error: KafkaError) -> None:
        """The client cannot hand out what comes next. While positions are being found anyway, that is no news.

        An offset may be gone, which the next look finds out; what is corrupt beyond all bounds stays an outage.
        """
        if self._status.positioned:
            if isinstance(error, CorruptRecordException | RecordTooLargeError):
                self._status.note_outage("fetching", error)
            self.reseek()

    async def on_revoked(self) -> None:
        """Give the partitions back, and return when this process may join its group, for the first time or again.

        Kafka gives a name to whoever joins last. One that cannot enter its name in Postgres would only take the lanes
        from another of its name that can work.
        """
        self._status.positioned = False
        self.lanes = self._publisher.lanes = frozenset()
        self._joining = asyncio.current_task()
        try:
            await self._until_entered()
        finally:
            self._joining = None

    async def leave(self) -> None:
        """Join no more, since this process ends."""
        if (joining := self._joining) is not None:
            joining.cancel()
            await asyncio.wait([joining])

    async def run(self) -> None:
        """Anchors whenever it is asked to, until cancelled; trouble is tried again.

        A process whose name was taken over asks itself to end: two of one name would take the lanes from each other
        for ever.
        """
        while True:
            await self._reseek_requested.wait()
            self._reseek_requested.clear()
            try:
                await self._assign()
                self._status.note_recovery()
            except Superseded:
                signal.raise_signal(signal.SIGTERM)
                return
            except PositionMoved:
                self._reseek_requested.set()
            except Exception as error:  # noqa: BLE001 - nothing is read until it succeeds
                self._status.note_outage("anchoring", error)
                with contextlib.suppress(Exception):
                    await self._inspector.close()
                await asyncio.sleep(0.5)
                self._reseek_requested.set()

    async def _until_entered(self) -> None:
        while True:
            try:
                await self._enter()
            except Superseded:
                signal.raise_signal(signal.SIGTERM)
                await asyncio.Event().wait()
            except Exception as error:  # noqa: BLE001 - it does not join until it succeeds
                self._status.note_outage("joining", error)
                await asyncio.sleep(0.5)
            else:
                return

    async def _enter(self) -> EngineSession:
        """Return a working session in which this process has the name; raises Superseded."""
        async with self._entry_lock:
            session = await self._open_session()
            await self._confirm_replica(session)
            return session

    async def _assign(self) -> None:
        session = await self._enter()
        consumer = self.consumer
        if consumer is None:
            return
        places = frozenset(place for place in consumer.assignment())
        lanes = frozenset(place.partition for place in places if place.topic == self._plan.lane_topic)
        await self.adopt(session)
        async with session.exclusive() as connection:
            await self._plan.note(connection)
            found = await seek.resolve_offsets(connection, self._inspector, self._decoder, places)
        # From here to the end nothing is awaited: what was found is what is sought.
        if places != consumer.assignment() or self._reseek_requested.is_set():
            self._reseek_requested.set()
            return
        self._seek(consumer, found)
        self.lanes = self._publisher.lanes = lanes
        self._status.assigned, self._status.positioned = places, True
        LOG.info("assigned", partitions=len(places), lanes=sorted(lanes), stopped=len(found.stopped))

    def _seek(self, consumer: ContiguousConsumer, found: seek.ResolvedOffsets) -> None:
        consumer.topic_ids = found.topic_ids
        try:
            for place, offset in found.seeks.items():
                consumer.seek(place, offset)
            consumer.resume(*found.seeks)
        except IllegalStateError:
            self._reseek_requested.set()
            raise
        for place, reason in found.stopped.items():
            LOG.error("partition_stopped", topic=place.topic, partition=place.partition, reason=reason)
        self.read_offsets = dict(found.seeks)
        self.paused.clear()
        self.stopped = found.stopped

    async def _open_session(self) -> EngineSession:
        if self.session is not None and not self.session.connection.is_closed():
            return self.session
        connection = await self._plan.connect("writer")
        await insert_rows(connection, self._plan.own_topics)
        terms = TransactionTerms(
            service=self._plan.service,
            vault=self._plan.vault,
            chain=self._plan.chain,
            internal_topics=frozenset(source.topic for source in self._plan.sources if source.internal),
            wait_at_most=self._plan.wait_at_most,
            waiting_per_key=self._plan.waiting_per_key,
            batch_records=self._plan.batch_records,
            waiting_in_all=self._plan.waiting_in_all,
        )
        self.session = EngineSession(connection, terms, self._decoder, real_microseconds, self.release_pending.set)
        self.watermarks.forget()
        return self.session

    async def _confirm_replica(self, session: EngineSession) -> None:
        async with session.exclusive() as connection:
            if self._since is None:
                self._since = await connection.fetchval(
                    QUERIES["enter_replica"], self._plan.replica, real_microseconds()
                )
            elif self._since != await connection.fetchval(QUERIES["confirm_replica"], self._plan.replica, self._since):
                LOG.error("superseded", replica=self._plan.replica)
                raise Superseded

    async def adopt(self, session: EngineSession) -> None:
        """What our own topics hold beyond our pages binds, in whatever lane it was said."""
        await recovery.adopt_tails(session, self._inspector, self._plan, real_microseconds())

    def pause(self, places: dict[TopicPartition, int]) -> None:
        """Their lane stands still: read again from here when it goes on."""
        if self.consumer is None:
            return
        for place, offset in places.items():
            if place in self.consumer.assignment():
                self.consumer.pause(place)
                self.consumer.seek(place, offset)
                self.paused.add(place)

    def resume_paused(self) -> None:
        """Lets the partitions that were held back try again; the next batch holds them back again if it must."""
        if self.consumer is not None and self.positioned:
            assigned = self.consumer.assignment()
            self.consumer.resume(*(place for place in self.paused if place in assigned))
        self.paused.clear()
