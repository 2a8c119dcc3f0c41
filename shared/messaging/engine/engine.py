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

from shared.messaging.engine import seek
from shared.messaging.engine.assignment import PartitionAssignment
from shared.messaging.engine.batch_runner import BatchRunner
from shared.messaging.engine.plan import EngineStatus, Plan
from shared.messaging.engine.sweeper import Sweeper
from shared.messaging.failpoint import hit
from shared.messaging.outbox.publisher import Publisher
from shared.messaging.reading import position as positions_of
from shared.messaging.reading.consumer import PRODUCER_SETTINGS, ConsumingBroker, PausingRebalanceListener, subscribe
from shared.messaging.reading.topic_inspector import TopicInspector
from shared.messaging.sequence_number import source_of
from shared.messaging.transaction.decoder import Decoder

LOG = structlog.get_logger()
COMMIT_EVERY_SECONDS = 0.4


class Engine:
    """One per process. `broker` is FastStream's; start it after `start` and stop it before `stop`."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._status = EngineStatus()
        self._decoder = Decoder(plan.sources)
        self._inspector = TopicInspector(plan.bootstrap)
        self._publisher = Publisher(source_of(plan.service), self._connect_publisher, self._make_producer)
        self._assignment = PartitionAssignment(plan, self._decoder, self._inspector, self._publisher, self._status)
        self._batch_runner = BatchRunner(plan, self._decoder, self._assignment, self._publisher, self._status)
        self._sweeper = Sweeper(
            plan, self._decoder, self._assignment, self._inspector, self._batch_runner, self._publisher, self._status
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._committed: dict[TopicPartition, int] = {}
        self._rebalance_listener = PausingRebalanceListener(self._assignment.reseek, self._assignment.on_revoked)
        self.broker = ConsumingBroker(
            plan.bootstrap,
            plan.service,
            on_consumer=self._take_consumer,
            on_fetch_error=self._assignment.on_fetch_error,
        )
        subscribe(
            self.broker,
            [source.topic for source in plan.sources],
            group=f"salur.{plan.service}",
            replica=plan.replica,
            batch_records=plan.batch_records,
            listener=self._rebalance_listener,
            receive=self._batch_runner.receive,
        )

    def status(self) -> EngineStatus:
        """A copy of what the process knows of its state."""
        return replace(self._status, publishing=self._publisher.alive)

    async def start(self) -> None:
        """Starts everything but the broker. Returns at once; Postgres may be away and come later."""
        looking = self._every(self._plan.look_every_seconds, "look", self._verify_topics)
        committing = self._every(COMMIT_EVERY_SECONDS, "commit", self._commit_offsets)
        for work in (self._assignment.run(), self._publisher.run(), self._sweeper.run(), looking, committing):
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
        await self._inspector.close()
        if self._assignment.session is not None:
            self._assignment.session.connection.terminate()
        LOG.info("stop", service=self._plan.service, replica=self._plan.replica)

    async def commit_now(self) -> None:
        """The last thing before the consumer leaves."""
        await self._assignment.leave()
        with contextlib.suppress(Exception):
            await self._commit_offsets()

    def _take_consumer(self, consumer: Any) -> None:
        self._assignment.consumer = self._rebalance_listener.consumer = consumer

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
                session = self._assignment.session
                if session is not None and session.connection.is_closed():
                    self._assignment.reseek()

    async def _verify_topics(self) -> None:
        """Is what we said still there, and nothing beside it? Is what we read? If not, everything is found anew."""
        session = self._assignment.session
        if session is None or not self._assignment.positioned:
            return
        await self._assignment.adopt(session)
        async with session.exclusive() as connection:
            positions = await positions_of.load(connection, list(self._assignment.read_offsets))
        if await seek.changed_topics(self._inspector, list(positions.values())):
            self._assignment.reseek()

    async def _commit_offsets(self) -> None:
        """Only so that every lag tool sees the truth; nothing ever reads from there."""
        consumer = self._assignment.consumer
        if consumer is None:
            return
        hit("before_kafka_commit")
        assigned = consumer.assignment()
        due = {p: o for p, o in self._assignment.read_offsets.items() if p in assigned and self._committed.get(p) != o}
        if due:
            with contextlib.suppress(KafkaError):
                await consumer.commit(due)
                self._committed.update(due)
