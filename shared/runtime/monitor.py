"""Brings the gauges together when metrics are asked for."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
from aiokafka import TopicPartition
from asyncpg import Connection

from shared.clock import Clock
from shared.contracts.topics import TOPICS
from shared.messaging.anchor import TOPIC_CHANGED
from shared.messaging.topics import Topics
from shared.runtime import status
from shared.runtime.database import QUERIES, Database, Unreachable
from shared.runtime.group import ConsumerGroup
from shared.runtime.lag import LagReader, add_to, kafka_trouble, lag_gauges
from shared.runtime.metrics import Metrics
from shared.runtime.parts import Gauge, ServiceParts
from shared.runtime.watch import Watch

LOG = structlog.get_logger()
FRESH_SECONDS = 5.0
KAFKA_ANSWER_SECONDS = 3.0


class Monitor:
    """Gauges are read at most every 5 s. What cannot be asked is left out, so that `absent()` tells."""

    def __init__(self, parts: ServiceParts, clock: Clock, database: Database, watch: Watch, metrics: Metrics) -> None:
        self._parts = parts
        self._clock = clock
        self._database = database
        self._watch = watch
        self._metrics = metrics
        self._lags = LagReader(parts.settings.kafka_bootstrap)
        self._pulse = Topics(parts.settings.kafka_bootstrap)
        self._group = ConsumerGroup(parts.settings.kafka_bootstrap, f"salur.{parts.name}")
        self._read_at = float("-inf")
        self._one_at_a_time = asyncio.Lock()

    async def scrape(self) -> bytes:
        """The metrics as text."""
        async with self._one_at_a_time:
            if time.monotonic() - self._read_at >= FRESH_SECONDS:
                self._metrics.gauges = await self._gauges()
                self._read_at = time.monotonic()
            return self._metrics.render()

    async def _gauges(self) -> Sequence[Gauge]:
        breaches = self._watch.breaches
        found = [Gauge("salur_invariant_breaches", number, {"invariant": name}) for name, number in breaches.items()]
        try:
            async with self._database.session() as connection:
                found += await status.gauges(connection, self._parts.name, self._clock.now())
                found += await self._parts.gauges(connection)
                positions = await self._positions(connection)
                without_effect = await self._without_effect(connection)
        except Unreachable as error:
            LOG.warning("outage", part="metrics", error=str(error))
            return found
        try:
            lags = add_to(await self._lags.lags(positions, datetime.now(UTC)), without_effect)
            found += lag_gauges(f"salur.{self._parts.name}", lags)
        except Exception as error:
            if not kafka_trouble(error):
                raise
            LOG.warning("outage", part="lag", error=repr(error))
            await self._lags.close()
        return found

    async def _positions(self, connection: Connection) -> dict[TopicPartition, int]:
        """Where reading stopped; one of our sources that was never read, or is another topic now, is unread."""
        read = {source.topic for source in self._parts.sources}
        never = {TopicPartition(t.name, p): 0 for t in TOPICS if t.name in read for p in range(t.partitions)}
        rows = await connection.fetch(QUERIES["positions"])
        changed = {TopicPartition(r["topic"], r["partition"]) for r in rows if r["stopped_reason"] == TOPIC_CHANGED}
        read_to = {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        return never | read_to | dict.fromkeys(changed, 0)

    async def _without_effect(self, connection: Connection) -> dict[TopicPartition, tuple[int, float]]:
        now = self._clock.now()
        rows = await connection.fetch(QUERIES["without_effect_counts"])
        return {
            TopicPartition(row["topic"], row["partition"]): (row["records"], (now - row["oldest"]).total_seconds())
            for row in rows
        }

    async def kafka_answers(self) -> bool:
        """Whether Kafka can be asked now."""
        topic = TopicPartition(self._parts.sources[0].topic, 0)
        try:
            async with asyncio.timeout(KAFKA_ANSWER_SECONDS):
                await self._pulse.ends([topic])
        except Exception as error:
            if not kafka_trouble(error):
                raise
            return False
        return True

    async def lanes_served(self) -> frozenset[int] | None:
        """Return the lanes that some process holds; None if Kafka does not answer."""
        try:
            served = await self._group.served()
        except Exception as error:
            if not kafka_trouble(error):
                raise
            return None
        return frozenset(place.partition for place in served if place.topic == self._parts.lane_topic)

    async def stop(self) -> None:
        await self._lags.close()
        await self._pulse.close()
        await self._group.close()
