"""The engine of a service: reads, decides, writes and publishes its lanes until it is stopped."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from asyncpg import Connection

from shared.messaging import anchor
from shared.messaging import position as positions_of
from shared.messaging.consumer import PRODUCER_SETTINGS, ClosedDoor, ConsumingBroker, subscribe
from shared.messaging.holding import Holding
from shared.messaging.intake import Intake
from shared.messaging.number import source_of
from shared.messaging.plan import EngineStatus, Plan
from shared.messaging.probe import reach
from shared.messaging.publisher import Publisher
from shared.messaging.reader import Reader
from shared.messaging.sweeper import Sweeper
from shared.messaging.topics import Topics

LOG = structlog.get_logger()
COMMIT_EVERY_SECONDS = 0.4


class Engine:
    """One per process. `broker` is FastStream's; start it after `start` and stop it before `stop`."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._status = EngineStatus()
        self._intake = Intake(plan.sources)
        self._topics = Topics(plan.bootstrap)
        self._publisher = Publisher(source_of(plan.service), self._connect_publisher, self._make_producer)
        self._holding = Holding(plan, self._intake, self._topics, self._publisher, self._status)
        self._reader = Reader(plan, self._intake, self._holding, self._publisher, self._status)
        self._sweeper = Sweeper(
            plan, self._intake, self._holding, self._topics, self._reader, self._publisher, self._status
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._committed: dict[TopicPartition, int] = {}
        self._door = ClosedDoor(self._holding.seek_again, self._holding.let_go)
        self.broker = ConsumingBroker(
            plan.bootstrap, plan.service, on_consumer=self._take_consumer, on_lost=self._holding.lose_place
        )
        subscribe(
            self.broker,
            [source.topic for source in plan.sources],
            group=f"salur.{plan.service}",
            replica=plan.replica,
            batch_records=plan.batch_records,
            listener=self._door,
            receive=self._reader.receive,
        )

    def status(self) -> EngineStatus:
        """A copy of what the process knows of its state."""
        return replace(self._status, publishing=self._publisher.alive)

    async def start(self) -> None:
        """Starts everything but the broker. Returns at once; Postgres may be away and come later."""
        looking = self._every(self._plan.look_every_seconds, "look", self._look)
        committing = self._every(COMMIT_EVERY_SECONDS, "commit", self._commit_offsets)
        for work in (self._holding.run(), self._publisher.run(), self._sweeper.run(), looking, committing):
            self._tasks.append(asyncio.create_task(work))
        LOG.info("start", service=self._plan.service, replica=self._plan.replica)

    async def stop(self) -> None:
        """Publishes what is committed, says to Kafka how far it has read, and lets go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(5):
                while await self._publisher.publish_once():
                    pass
        await self._publisher.close()
        await self._topics.close()
        if self._holding.session is not None:
            self._holding.session.connection.terminate()
        LOG.info("stop", service=self._plan.service, replica=self._plan.replica)

    async def commit_now(self) -> None:
        """The last thing before the consumer leaves."""
        await self._holding.leave()
        with contextlib.suppress(Exception):
            await self._commit_offsets()

    def _take_consumer(self, consumer: Any) -> None:
        self._holding.consumer = self._door.consumer = consumer

    async def _connect_publisher(self) -> Connection:
        return await self._plan.connect("publisher")

    def _make_producer(self) -> AIOKafkaProducer:
        client = f"salur.{self._plan.service}.publisher"
        return AIOKafkaProducer(bootstrap_servers=self._plan.bootstrap, client_id=client, **PRODUCER_SETTINGS)

    async def _every(self, seconds: float, name: str, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await step()
            except Exception as error:  # noqa: BLE001 - whatever it was, the next round tries again
                LOG.warning("outage", part=name, error=repr(error))
                session = self._holding.session
                if session is not None and session.connection.is_closed():
                    self._holding.seek_again()

    async def _look(self) -> None:
        """Is what we said still there, and nothing beside it? Is what we read? If not, everything is found anew."""
        session = self._holding.session
        if session is None or not self._holding.anchored:
            return
        await self._holding.adopt(session)
        async with session.alone() as connection:
            positions = await positions_of.load(connection, list(self._holding.read_to))
        if await anchor.changed_topics(self._topics, list(positions.values())):
            self._holding.seek_again()

    async def _commit_offsets(self) -> None:
        """Only so that every lag tool sees the truth; nothing ever reads from there."""
        consumer = self._holding.consumer
        if consumer is None:
            return
        reach("before_kafka_commit")
        assigned = consumer.assignment()
        due = {p: o for p, o in self._holding.read_to.items() if p in assigned and self._committed.get(p) != o}
        if due:
            with contextlib.suppress(KafkaError):
                await consumer.commit(due)
                self._committed.update(due)
