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
from shared.messaging.batch import Batch
from shared.messaging.consumer import PRODUCER_SETTINGS, ClosedDoor, ConsumingBroker, subscribe
from shared.messaging.holding import Holding
from shared.messaging.intake import Intake
from shared.messaging.lane import QUERIES
from shared.messaging.message import unpack
from shared.messaging.number import source_of
from shared.messaging.plan import EngineStatus, Plan
from shared.messaging.probe import reach
from shared.messaging.publisher import Publisher
from shared.messaging.reader import Reader
from shared.messaging.session import Session
from shared.messaging.sweep import engine_timers, sweep
from shared.messaging.topics import Topics

LOG = structlog.get_logger()
COMMIT_EVERY_SECONDS = 0.4
READY_AT_ONCE = 500


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
        self._timers = (*engine_timers(self._intake, plan.retention), *plan.timers)
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
        sweeping = self._every(self._plan.sweep_every_seconds, "sweep", self._sweep)
        looking = self._every(self._plan.look_every_seconds, "look", self._look)
        committing = self._every(COMMIT_EVERY_SECONDS, "commit", self._commit_offsets)
        for work in (self._holding.run(), self._publisher.run(), sweeping, looking, committing):
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

    async def _sweep(self) -> None:
        session = self._holding.session
        if session is None or not self._holding.anchored:
            return
        await self._confirm_schema(session)
        await self._read_through()
        lanes, still = sorted(self._holding.lanes), set[int]()
        for timer in self._timers:
            if not lanes or not self._holding.anchored:
                return
            now, read_through = self._plan.clock.now(), self._holding.backlog.read_through
            still |= set(await sweep(session, timer, lanes, now, read_through, self._publisher.offer))
        await self._take_up_ready(lanes, still)
        self._holding.release()

    async def _confirm_schema(self, session: Session) -> None:
        """Let go of a session whose schema has become another program's; nothing is read until it is ours again."""
        try:
            async with session.alone() as connection:
                await self._plan.confirm(connection)
        except Exception:
            session.connection.terminate()
            raise

    async def _read_through(self) -> None:
        session, backlog = self._holding.session, self._holding.backlog
        assert session is not None
        if backlog.asks:
            now = self._plan.clock.now()
            async with session.alone() as connection:
                rows = await connection.fetch(QUERIES["load_all_positions"])
            places = {TopicPartition(row["topic"], row["partition"]) for row in rows}
            backlog.note_ends(await self._topics.ends(places), now)
        await self._pass_over()
        async with session.alone() as connection:
            rows = await connection.fetch(QUERIES["load_all_positions"])
        backlog.note_positions({TopicPartition(r["topic"], r["partition"]): r["next_offset"] for r in rows})
        positions = {TopicPartition(r["topic"], r["partition"]): r for r in rows}
        mended = any(positions[place]["stopped_reason"] is None for place in self._holding.stopped)
        set_back = any(positions[place]["next_offset"] < at for place, at in self._holding.read_to.items())
        if mended or set_back:
            self._holding.seek_again()

    async def _pass_over(self) -> None:
        """Moves positions past control records at the end of a partition, which are never handed out."""
        session, consumer = self._holding.session, self._holding.consumer
        assert session is not None
        moves = []
        for place, read_to in list(self._holding.read_to.items()):
            if consumer is None or place not in consumer.assignment() or place in self._holding.held_back:
                continue
            now_at = await consumer.position(place)
            # Asked last: what has been handed out meanwhile is on its way, and not to be passed over.
            if consumer.reached(place) <= read_to < now_at:
                moves.append((place.topic, place.partition, read_to, now_at))
        if moves and consumer is not None:
            async with session.alone() as connection:
                columns = (list(column) for column in zip(*moves, strict=True))
                moved = await connection.fetch(QUERIES["pass_over"], *columns)
            for row in moved:
                self._holding.read_to[TopicPartition(row["topic"], row["partition"])] = row["next_offset"]

    async def _take_up_ready(self, lanes: list[int], still: set[int]) -> None:
        """Records handed over, replayed, or set aside while their lane stood still: a batch like any other."""
        session, taken = self._holding.session, list[int]()
        while session is not None and self._holding.anchored:
            async with session.alone() as connection:
                rows = await connection.fetch(QUERIES["load_ready"], lanes, sorted(still), READY_AT_ONCE)
            ids = [row["id"] for row in rows]
            if not ids or ids == taken:
                return
            taken = ids
            now = self._plan.clock.now()
            items = [self._intake.understand_again(unpack(row["record"]), now, row["id"]) for row in rows]
            items.sort(key=lambda item: self._intake.order[item.record.topic])
            await self._reader.complete(Batch(items, {}))

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
