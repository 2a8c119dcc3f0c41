"""Engines of the toy in this process, and the outside world around them."""

import json
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError, for_code
from joserfc.jwk import OctKey

from deploy.local.roles import owner_of
from shared.clock import Clock
from shared.contracts.seals import KeyRing
from shared.contracts.topics import LANES
from shared.messaging.chain import ChainKey
from shared.messaging.engine.engine import Engine
from shared.messaging.engine.plan import Plan
from shared.messaging.engine.sweep import PORTION_RECORDS
from shared.messaging.reading.topic_inspector import TopicInspector
from shared.messaging.transaction.subscription import Timer
from shared.postgres.migrations import grants, load_migrations, migrate
from shared.postgres.session import connect
from tests.builders import chain_key
from tests.infrastructure import Database, sealing_of
from tests.integration.messaging.topic_contents import read_all
from tests.integration.messaging.toy import TABLES, TOY_TABLES, League, adopt_totals
from tests.timeouts import until as until
from tests.timeouts import within

# An engine publishes what is committed, and leaves its group.
LEAVES_WITHIN_SECONDS = 30.0


class HandClock(Clock):
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def pass_hours(self, hours: float) -> None:
        self.ahead += timedelta(hours=hours)


async def rounds(engine: Engine, count: int) -> None:
    """Wait until so many whole rounds of the sweeper have begun and ended."""
    begun = engine.status().sweeps + 1

    async def ended() -> bool:
        return engine.status().sweeps >= begun + count

    await until(ended, f"{count} rounds of sweeping have ended")


@contextmanager
def releases_held(engine: Engine) -> Iterator[None]:
    """Handle no released record between two rounds of the sweeper."""

    async def nothing(_: float) -> None:
        """Release nothing."""

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(engine._sweeper._release_runner, "run", nothing)
        yield


async def leave(engine: Engine) -> None:
    """Stop an engine in the order in which a process stops it."""
    await engine.commit_now()
    await engine.broker.stop()
    await engine.stop()


@dataclass
class ToyWorld:
    """Kafka, Postgres and the toy's two services."""

    bootstrap: str
    database: Database
    league: League
    clock: HandClock = field(default_factory=HandClock)
    timers: tuple[Timer, ...] = ()
    _connections: dict[str, asyncpg.Connection] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._topics = TopicInspector(self.bootstrap)

    @property
    def schemas(self) -> Mapping[str, str]:
        """The schemas of the toy's services: those of real services, with their roles and grants."""
        return {self.league.service: "enrollment", self.league.board_service: "completion"}

    async def prepare(self) -> None:
        await self.create_topics(
            self.league.requests, *self.league.own_topics, f"dead-letters.{self.league.board_service}"
        )
        for service in self.schemas:
            schema = self.schemas[service]
            owner = self.database.url_of(owner_of(schema))
            begin = sealing_of(schema).seal_in_migration
            await migrate(owner, load_migrations("shared.messaging"), [grants("shared.messaging")], begin)
            self._connections[service] = await connect(owner, "prepare")
            await self._connections[service].execute(f"{TABLES}; grant all on {TOY_TABLES} to {schema}")

    async def create_topics(self, *names: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        settings = {"message.timestamp.type": "LogAppendTime"}
        made = await admin.create_topics([NewTopic(name, LANES, 1, topic_configs=settings) for name in names])
        await admin.close()
        for name, code, *_ in made.topic_errors:
            if code:
                raise for_code(code)(name)

    async def delete_topics(self, *names: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        await admin.delete_topics(list(names))
        await admin.close()

    async def close(self) -> None:
        await self._topics.close()
        for connection in self._connections.values():
            await connection.close()

    async def open(self, service: str, name: str) -> asyncpg.Connection:
        """Open a session as the service itself does."""
        url = self.database.url_of(self.schemas[service])
        return await asyncpg.connect(url, server_settings={"application_name": name})

    def chain(self, service: str) -> ChainKey:
        """Return the key under which one of the toy's services seals its chain."""
        return chain_key(self.schemas[service])

    def connection(self, service: str) -> asyncpg.Connection:
        """Return the test's session of the owner of a service's tables."""
        return self._connections[service]

    async def fetch(self, service: str, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Run a statement as the owner of a service's tables."""
        return await self.connection(service).fetch(query, *arguments)

    def plan(self, service: str, *, replica: str = "1") -> Plan:
        board = service == self.league.board_service
        return Plan(
            service=service,
            replica=f"{service}-{replica}",
            bootstrap=self.bootstrap,
            sources=self.league.board_sources() if board else self.league.sources(),
            timers=() if board else self.timers,
            own_topics=(f"dead-letters.{service}",) if board else self.league.own_topics,
            lane_topic=self.league.totals if board else self.league.requests,
            adopt=None if board else adopt_totals,
            connect=lambda name: self.open(service, name),
            clock=self.clock,
            vault=a_vault(),
            chain=self.chain(service),
            batch_records=PORTION_RECORDS,
            sweep_every_seconds=0.2,
        )

    @asynccontextmanager
    async def running(self, service: str, *, replica: str = "1", **changes: Any) -> AsyncIterator[Engine]:
        """Run an engine in this process; stop it cleanly at the end."""
        engine = Engine(replace(self.plan(service, replica=replica), **changes))
        await engine.start()
        await engine.broker.start()
        try:
            yield engine
        finally:
            await within(LEAVES_WITHIN_SECONDS, f"{service} leaves", leave(engine))

    async def send(self, *events: "Event") -> None:
        async with producer(self.bootstrap) as kafka:
            for event in events:
                await kafka.send_and_wait(
                    self.league.requests,
                    event.value,
                    key=event.key,
                    headers=event.headers,
                    partition=event.partition,
                )

    async def length(self, topic: str) -> int:
        """Return the number of records in a topic from which nothing was deleted."""
        return sum((await self._topics.ends([TopicPartition(topic, lane) for lane in range(LANES)])).values())

    async def published(self, topic: str) -> "list[ConsumerRecord[bytes, bytes]]":
        """Return all records of a topic."""
        return await read_all(self.bootstrap, topic)

    async def until_seen(self, *expected: tuple[str, str, int]) -> None:
        """Wait until the board has seen exactly these totals, in this order per player."""

        async def seen() -> bool:
            return await self.seen() == list(expected)

        try:
            await until(seen, f"the board has seen {expected}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it saw {await self.seen()}") from None

    async def until_count(self, service: str, table: str, count: int) -> None:
        async def counted() -> bool:
            rows = await self.fetch(service, f"select count(*) from {table}")
            return bool(rows[0]["count"] == count)

        await until(counted, f"{count} rows in {table}")

    async def until_read(self, service: str, records: int) -> None:
        async def read() -> bool:
            rows = await self.fetch(service, "select coalesce(sum(next_offset), 0)::int as read from position")
            return bool(rows[0]["read"] == records)

        await until(read, f"{records} records are read")

    async def until_published(self, topic: str, count: int) -> "list[ConsumerRecord[bytes, bytes]]":
        async def published() -> "list[ConsumerRecord[bytes, bytes]]":
            records = await self.published(topic)
            return records if len(records) == count else []

        return list(await until(published, f"{topic} holds {count} records"))

    async def rewrite(self, topic: str, records: "Sequence[ConsumerRecord[bytes, bytes]]") -> None:
        """Delete a topic, create it anew and put these records into it."""
        old = await self._topics.ids([topic])
        await self.delete_topics(topic)

        async def made() -> bool:
            try:
                await self.create_topics(topic)
            except KafkaError:
                return False
            return True

        async def known() -> bool:
            # A busy broker still knows the old topic for a while after the controller has created the new one.
            return bool(await self._topics.ids([topic]) not in (old, {}) and await self.partitions(topic) == LANES)

        await until(made, f"{topic} is made anew")
        await until(known, f"{topic} is known")
        async with producer(self.bootstrap) as kafka:
            for record in records:
                await kafka.send_and_wait(
                    topic, record.value, key=record.key, headers=list(record.headers), partition=record.partition
                )

    async def partitions(self, topic: str) -> int:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        (found,) = await admin.describe_topics([topic])
        await admin.close()
        return len(found["partitions"])

    async def republish(self, topic: str, lane: int, from_sequence: int) -> None:
        await self.fetch(
            self.league.service,
            "update publication set say_again_from = $3 where topic = $1 and lane = $2",
            topic,
            lane,
            from_sequence,
        )

    async def resume_lanes(self, service: str) -> None:
        await self.fetch(service, "update lane set stopped_reason = null, stopped_detail = null, stopped_at = null")

    async def cut_sessions(self) -> None:
        connection = await asyncpg.connect(self.database.url)
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and application_name in ('writer', 'publisher')"
        )
        await connection.close()

    async def take_copy(self, service: str) -> None:
        """Copy a service's schema, inside the same database."""
        await self._copy(self.schemas[service], f"{self.schemas[service]}_copy")

    async def restore_copy(self, service: str) -> None:
        """Put a service's schema back to what it was when the copy was taken."""
        await self._copy(f"{self.schemas[service]}_copy", self.schemas[service])

    async def _copy(self, source: str, target: str) -> None:
        connection = await asyncpg.connect(self.database.url)
        await connection.execute(f"create schema if not exists {target}")
        tables = await connection.fetch(
            "select tablename from pg_tables where schemaname in ($1, $2) group by tablename", source, target
        )
        async with connection.transaction():
            await connection.execute("set local session_replication_role = replica")
            for (table,) in tables:
                await connection.execute(
                    f"create table if not exists {target}.{table} (like {source}.{table} including all)"
                )
                await connection.execute(f"delete from {target}.{table}")
                await connection.execute(f"insert into {target}.{table} overriding system value table {source}.{table}")
        await connection.close()

    async def committed_offsets(self, service: str) -> dict[int, int]:
        """Return the offset committed to Kafka for each partition."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        offsets = await admin.list_consumer_group_offsets(f"salur.{service}")
        await admin.close()
        return {place.partition: found.offset for place, found in offsets.items() if found.offset >= 0}

    async def reset_offsets(self, service: str, where: str) -> None:
        """Set all committed offsets of a consumer group to the beginning or to the end, as an operator might.

        The static member is taken over, since the group stays occupied until its session ends.
        """
        consumer = AIOKafkaConsumer(
            self.league.requests,
            bootstrap_servers=self.bootstrap,
            group_id=f"salur.{service}",
            group_instance_id=f"{service}-1",
            enable_auto_commit=False,
            partition_assignment_strategy=(RangePartitionAssignor,),
        )
        await consumer.start()

        async def assigned() -> bool:
            return len(consumer.assignment()) == LANES

        await until(assigned, "the group is taken over")
        places = list(consumer.assignment())
        ends = await consumer.end_offsets(places)
        await consumer.commit({place: 0 if where == "beginning" else ends[place] for place in places})
        await consumer.stop()

    async def seen(self) -> list[tuple[str, str, int]]:
        """Return the totals that took effect at the board, in order of arrival per player."""
        rows = await self.fetch(self.league.board_service, "select player, goal, total from seen order by player, id")
        return [(row["player"], row["goal"], row["total"]) for row in rows]


@dataclass(frozen=True)
class Event:
    type: str
    data: Mapping[str, object]
    partition: int
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    raw: bytes | None = None

    @property
    def value(self) -> bytes:
        return json.dumps(self.data).encode() if self.raw is None else self.raw

    @property
    def key(self) -> bytes:
        return str(self.data.get("player", "")).encode()

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        return [
            ("ce_specversion", b"1.0"),
            ("ce_id", self.id.encode()),
            ("ce_source", b"/toy"),
            ("ce_type", self.type.encode()),
            ("ce_time", b"2023-02-17T12:00:00Z"),
            ("content-type", b"application/json"),
        ]


def a_player(name: str, *, shirt: str = "", partition: int = 0) -> Event:
    data = {"player": name, "shirt": shirt or name}
    return Event("toy.league.player_registered.v1", data, partition)


def a_goal(
    name: str, goal: str, points: int = 1, *, partition: int = 0, scored_at: str = "2023-02-17T12:00:00Z"
) -> Event:
    data = {"player": name, "goal": goal, "points": points, "scored_at": scored_at}
    return Event("toy.league.point_scored.v1", data, partition)


def a_vault() -> KeyRing:
    return KeyRing({"toy-1": OctKey.generate_key(256, {"kid": "toy-1"})})


@asynccontextmanager
async def producer(bootstrap: str, **settings: Any) -> AsyncIterator[AIOKafkaProducer]:
    kafka = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", **settings)
    await kafka.start()
    try:
        yield kafka
    finally:
        await kafka.stop()
