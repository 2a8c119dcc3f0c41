"""What a process holds: a Postgres session, and the partitions that Kafka gave to it, found and sought."""

import asyncio
import contextlib
import signal

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException, IllegalStateError, KafkaError, RecordTooLargeError

from shared.messaging import adoption, anchor
from shared.messaging.consumer import ContiguousConsumer
from shared.messaging.intake import Intake
from shared.messaging.lane import QUERIES, insert_rows, real_microseconds
from shared.messaging.plan import EngineStatus, Plan
from shared.messaging.position import PositionMoved
from shared.messaging.publisher import Publisher
from shared.messaging.session import Session
from shared.messaging.topics import Topics
from shared.messaging.transaction import Terms
from shared.messaging.watermark import Watermarks

LOG = structlog.get_logger()


class Superseded(Exception):
    """Another process has been started under this one's name."""


class Holding:
    """Anchors at every assignment, in every new Postgres session, and whenever a position turns out to have moved."""

    def __init__(self, plan: Plan, intake: Intake, topics: Topics, publisher: Publisher, status: EngineStatus) -> None:
        self.consumer: ContiguousConsumer | None = None
        self.session: Session | None = None
        self.lanes: frozenset[int] = frozenset()
        self.ready = asyncio.Event()
        self.watermarks = Watermarks({source.topic: source.internal for source in plan.sources})
        self.read_to: dict[TopicPartition, int] = {}
        self.held_back: set[TopicPartition] = set()
        self.stopped: dict[TopicPartition, str] = {}
        self._plan = plan
        self._intake = intake
        self._topics = topics
        self._publisher = publisher
        self._status = status
        self._wanted = asyncio.Event()
        self._since: int | None = None
        self._one_enters = asyncio.Lock()
        self._joining: asyncio.Task[object] | None = None

    @property
    def anchored(self) -> bool:
        return self._status.anchored

    def seek_again(self) -> None:
        """Nothing more is read until the positions have been found anew. Safe to call from anywhere, at any time."""
        self._status.anchored = False
        if self.consumer is not None and (assigned := self.consumer.assignment()):
            self.consumer.pause(*assigned)
        self._wanted.set()

    def lose_place(self, error: KafkaError) -> None:
        """The client cannot hand out what comes next. While positions are being found anyway, that is no news.

        An offset may be gone, which the next look finds out; what is corrupt beyond all bounds stays an outage.
        """
        if self._status.anchored:
            if isinstance(error, CorruptRecordException | RecordTooLargeError):
                self._status.note_outage("fetching", error)
            self.seek_again()

    async def let_go(self) -> None:
        """Give the partitions back, and return when this process may join its group, for the first time or again.

        Kafka gives a name to whoever joins last. One that cannot enter its name in Postgres would only take the lanes
        from another of its name that can work.
        """
        self._status.anchored = False
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
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self._anchor()
                self._status.note_recovery()
            except Superseded:
                signal.raise_signal(signal.SIGTERM)
                return
            except PositionMoved:
                self._wanted.set()
            except Exception as error:  # noqa: BLE001 - nothing is read until it succeeds
                self._status.note_outage("anchoring", error)
                with contextlib.suppress(Exception):
                    await self._topics.close()
                await asyncio.sleep(0.5)
                self._wanted.set()

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

    async def _enter(self) -> Session:
        """Return a working session in which this process has the name; raises Superseded."""
        async with self._one_enters:
            session = await self._open_session()
            await self._keep_name(session)
            return session

    async def _anchor(self) -> None:
        session = await self._enter()
        consumer = self.consumer
        if consumer is None:
            return
        places = frozenset(place for place in consumer.assignment())
        lanes = frozenset(place.partition for place in places if place.topic == self._plan.lane_topic)
        await self.adopt(session)
        async with session.alone() as connection:
            await self._plan.note(connection)
            found = await anchor.find(connection, self._topics, self._intake, places)
        # From here to the end nothing is awaited: what was found is what is sought.
        if places != consumer.assignment() or self._wanted.is_set():
            self._wanted.set()
            return
        self._seek(consumer, found)
        self.lanes = self._publisher.lanes = lanes
        self._status.assigned, self._status.anchored = places, True
        LOG.info("assigned", partitions=len(places), lanes=sorted(lanes), stopped=len(found.stopped))

    def _seek(self, consumer: ContiguousConsumer, found: anchor.Anchored) -> None:
        consumer.topic_ids = found.topic_ids
        try:
            for place, offset in found.seeks.items():
                consumer.seek(place, offset)
            consumer.resume(*found.seeks)
        except IllegalStateError:
            self._wanted.set()
            raise
        for place, reason in found.stopped.items():
            LOG.error("partition_stopped", topic=place.topic, partition=place.partition, reason=reason)
        self.read_to = dict(found.seeks)
        self.held_back.clear()
        self.stopped = found.stopped

    async def _open_session(self) -> Session:
        if self.session is not None and not self.session.connection.is_closed():
            return self.session
        connection = await self._plan.connect("writer")
        await insert_rows(connection, self._plan.own_topics)
        terms = Terms(
            service=self._plan.service,
            vault=self._plan.vault,
            chain=self._plan.chain,
            internal_topics=frozenset(source.topic for source in self._plan.sources if source.internal),
            wait_at_most=self._plan.wait_at_most,
            waiting_per_key=self._plan.waiting_per_key,
            batch_records=self._plan.batch_records,
            waiting_in_all=self._plan.waiting_in_all,
        )
        self.session = Session(connection, terms, self._intake, real_microseconds, self.ready.set)
        self.watermarks.forget()
        return self.session

    async def _keep_name(self, session: Session) -> None:
        async with session.alone() as connection:
            if self._since is None:
                self._since = await connection.fetchval(
                    QUERIES["enter_replica"], self._plan.replica, real_microseconds()
                )
            elif self._since != await connection.fetchval(QUERIES["confirm_replica"], self._plan.replica, self._since):
                LOG.error("superseded", replica=self._plan.replica)
                raise Superseded

    async def adopt(self, session: Session) -> None:
        """What our own topics hold beyond our pages binds, in whatever lane it was said."""
        await adoption.adopt_tails(session, self._topics, self._plan, real_microseconds())

    def hold_back(self, places: dict[TopicPartition, int]) -> None:
        """Their lane stands still: read again from here when it goes on."""
        if self.consumer is None:
            return
        for place, offset in places.items():
            if place in self.consumer.assignment():
                self.consumer.pause(place)
                self.consumer.seek(place, offset)
                self.held_back.add(place)

    def release(self) -> None:
        """Lets the partitions that were held back try again; the next batch holds them back again if it must."""
        if self.consumer is not None and self.anchored:
            assigned = self.consumer.assignment()
            self.consumer.resume(*(place for place in self.held_back if place in assigned))
        self.held_back.clear()
