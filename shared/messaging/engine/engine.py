"""The engine of a service: it reads, decides, writes and publishes the service's lanes until it is stopped."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog
from aiokafka import AIOKafkaProducer
from asyncpg import Connection

from shared.messaging.engine.assignment import PartitionAssignment
from shared.messaging.engine.batch_runner import BatchRunner
from shared.messaging.engine.membership import Membership
from shared.messaging.engine.plan import Plan
from shared.messaging.engine.progress import ReadingProgress
from shared.messaging.engine.release_runner import ReleaseRunner
from shared.messaging.engine.seeker import Seeker
from shared.messaging.engine.status import EngineStatus, OutageMonitor
from shared.messaging.engine.sweeper import Sweeper
from shared.messaging.outbox.publisher import Publisher
from shared.messaging.reading.consumer import (
    PRODUCER_SETTINGS,
    ConsumingBroker,
    ContiguousConsumer,
    PausingRebalanceListener,
    subscribe,
)
from shared.messaging.reading.topic_inspector import TopicInspector
from shared.messaging.sequence_number import source_of
from shared.messaging.transaction.decoder import Decoder

LOG = structlog.get_logger()
COMMIT_EVERY_SECONDS = 0.4
LAST_PAGES_SECONDS = 5.0


class Engine:
    """One per process. `broker` is FastStream's; start it after `start` and stop it before `stop`."""

    def __init__(self, plan: Plan) -> None:
        decoder, release_pending = Decoder(plan.sources), asyncio.Event()
        self._plan = plan
        self._outage = OutageMonitor()
        self._inspector = TopicInspector(plan.bootstrap)
        self._assignment = PartitionAssignment(plan.lane_topic)
        progress = ReadingProgress(plan, self._inspector, self._assignment)
        self._membership = Membership(
            plan, decoder, self._outage, on_new_session=progress.forget, on_remaining=release_pending.set
        )
        self._publisher = Publisher(
            source_of(plan.service), self._connect_publisher, self._make_producer, lambda: self._assignment.lanes
        )
        self._seeker = Seeker(plan, decoder, self._inspector, self._membership, self._assignment, self._outage)
        self._batch_runner = BatchRunner(
            plan, decoder, self._membership, self._assignment, self._publisher, self._outage
        )
        release_runner = ReleaseRunner(
            plan, decoder, self._membership, self._assignment, self._batch_runner, release_pending
        )
        self._sweeper = Sweeper(
            plan, decoder, self._membership, self._assignment, self._seeker, progress, release_runner, self._publisher
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._rebalance_listener = PausingRebalanceListener(self._assignment.reseek, self._seeker.on_revoked)
        self.broker = ConsumingBroker(
            plan.bootstrap,
            plan.service,
            on_consumer=self._attach,
            on_fetch_error=self._seeker.on_fetch_error,
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
        """Return the state as it is now."""
        return EngineStatus(
            assigned=self._assignment.partitions,
            positioned=self._assignment.positioned,
            publishing=self._publisher.alive,
            outage=self._outage.current,
            sweeps=self._sweeper.rounds,
            held_up=self._sweeper.held_up,
            last_batch_at=self._batch_runner.last_batch_at,
            batches=self._batch_runner.batches,
            records=self._batch_runner.records,
        )

    async def start(self) -> None:
        """Start everything but the broker. Returns at once; Postgres may be unreachable and come later."""
        verifying = self._every(self._plan.look_every_seconds, "look", self._seeker.verify_topics)
        committing = self._every(COMMIT_EVERY_SECONDS, "commit", self._assignment.commit_offsets)
        for work in (self._seeker.run(), self._publisher.run(), self._sweeper.run(), verifying, committing):
            self._tasks.append(asyncio.create_task(work))
        LOG.info("start", service=self._plan.service, replica=self._plan.replica)

    async def stop(self) -> None:
        """Publish the pages that are committed, and close all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(LAST_PAGES_SECONDS):
                while await self._publisher.publish_once():
                    pass
        await self._publisher.close()
        await self._inspector.close()
        self._membership.close()
        LOG.info("stop", service=self._plan.service, replica=self._plan.replica)

    async def commit_now(self) -> None:
        """Commit the offsets to Kafka as the last thing before the consumer leaves its group."""
        await self._membership.leave()
        with contextlib.suppress(Exception):
            await self._assignment.commit_offsets()

    def _attach(self, consumer: ContiguousConsumer) -> None:
        self._assignment.attach(consumer)
        self._rebalance_listener.attach(consumer)

    async def _connect_publisher(self) -> Connection:
        return await self._plan.connect("publisher")

    def _make_producer(self) -> AIOKafkaProducer:
        client = f"salur.{self._plan.service}.publisher"
        return AIOKafkaProducer(bootstrap_servers=self._plan.bootstrap, client_id=client, **PRODUCER_SETTINGS)

    async def _every(self, seconds: float, part: str, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._seeker.guard(part, step())
