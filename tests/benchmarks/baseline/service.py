"""Shared part of the baseline's services: settings, database, outbox, relay, start."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import uvloop
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage
from faststream.kafka.subscriber.usecase import LogicSubscriber

from shared.contracts.events import EventType
from shared.contracts.topics import SERVICES
from shared.times import write_time

ENROLLMENT_EVENTS, COMPLETION_EVENTS, PAYMENT_EVENTS = (f"baseline.{service}.events" for service in SERVICES)
LOG = logging.getLogger("baseline")
T = TypeVar("T")
Headers = Mapping[str, Any]
Handler = Callable[[T, Headers], Awaitable[None]]
READY, BOOTSTRAP, POSTGRES, KEYS = "BASELINE_READY", "BASELINE_KAFKA", "BASELINE_POSTGRES", "BASELINE_KEYS"
WORKERS, ACKNOWLEDGE = "BASELINE_WORKERS", "BASELINE_ACKNOWLEDGE"
RELAYED_AT_ONCE, RELAY_PAUSE_SECONDS = 500, 0.05
OUTBOX = """create table outbox (
    id bigint generated always as identity primary key, topic text not null, key text not null,
    type text not null, happened_at timestamptz not null, data bytea not null)"""
TAKE = "delete from outbox where id in (select id from outbox order by id limit $1 for update skip locked) returning *"
INSERT_EVENT = "insert into outbox (topic, key, type, happened_at, data) values ($1, $2, $3, $4, $5)"


@dataclass(slots=True)
class Service:
    """One service: its broker, and its connections while it runs."""

    name: str
    keys: Path = field(default_factory=lambda: Path(os.environ[KEYS]))
    broker: KafkaBroker = field(init=False)
    pool: "asyncpg.Pool[asyncpg.Record]" = field(init=False)

    def __post_init__(self) -> None:
        self.broker = KafkaBroker(os.environ[BOOTSTRAP], acks="all", enable_idempotence=True, logger=LOG)

    def subscriber(self, topic: str) -> LogicSubscriber[Any]:
        """Subscribe with one consumer per worker, acknowledging each message after its handler."""
        return self.broker.subscriber(
            topic,
            group_id=f"{self.name}.{topic}",
            ack_policy=AckPolicy(os.environ.get(ACKNOWLEDGE, AckPolicy.NACK_ON_ERROR)),
            max_workers=int(os.environ[WORKERS]),
            auto_offset_reset="earliest",
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        async with self.pool.acquire() as connection, connection.transaction():
            yield connection

    def run(self) -> None:
        logging.basicConfig(level=logging.WARNING)
        uvloop.run(FastStream(self.broker, logger=None, lifespan=self._lifespan, after_startup=[self._ready]).run())

    def _ready(self) -> None:
        Path(os.environ[READY]).touch()

    @asynccontextmanager
    async def _lifespan(self) -> AsyncIterator[None]:
        schema = {"search_path": self.name}
        async with asyncpg.create_pool(os.environ[POSTGRES], min_size=4, max_size=16, server_settings=schema) as pool:
            self.pool = pool
            relay = asyncio.create_task(self._relay())
            yield
            relay.cancel()
            with suppress(asyncio.CancelledError):
                await relay

    async def _relay(self) -> None:
        """Publish the outbox in order; delete its rows once all of them are acknowledged."""
        while True:
            async with self.transaction() as connection:
                rows = sorted(await connection.fetch(TAKE, RELAYED_AT_ONCE), key=lambda row: int(row["id"]))
                await asyncio.gather(*[await self._publish(row) for row in rows])
            if len(rows) < RELAYED_AT_ONCE:
                await asyncio.sleep(RELAY_PAUSE_SECONDS)

    async def _publish(self, row: asyncpg.Record) -> Awaitable[object]:
        headers = {
            "ce_specversion": "1.0",
            "ce_id": f"{self.name}/{row['id']}",
            "ce_source": f"/{self.name}",
            "ce_type": row["type"],
            "ce_time": write_time(row["happened_at"]),
            "content-type": "application/json",
        }
        return await self.broker.publish(
            row["data"], topic=row["topic"], key=row["key"].encode(), headers=headers, no_confirm=True
        )


async def emit(connection: Any, topic: str, key: str, event: EventType[T], data: T) -> None:
    """Insert an event into the outbox, in the handler's transaction."""
    await connection.execute(INSERT_EVENT, topic, key, event.name, datetime.now(UTC), event.dump(data))


def handles(subscriber: LogicSubscriber[Any], event: EventType[T]) -> Callable[[Handler[T]], Handler[T]]:
    """Register the decorated function for messages of one type, validated by its model.

    The filter is a coroutine although it awaits nothing, since FastStream runs plain functions in threads.
    """

    async def is_one(message: KafkaMessage) -> bool:
        return message.headers.get("ce_type") == event.name

    def register(handle: Handler[T]) -> Handler[T]:
        @subscriber(filter=is_one)
        async def take(message: KafkaMessage) -> None:
            await handle(event.parse(message.body), message.headers)

        return handle

    return register
