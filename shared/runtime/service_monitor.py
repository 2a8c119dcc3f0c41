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
from shared.messaging.engine.seek import TOPIC_CHANGED
from shared.messaging.reading.topic_inspector import TopicInspector
from shared.runtime import status
from shared.runtime.consumer_group import ConsumerGroup
from shared.runtime.database import QUERIES, Database, DatabaseUnavailable
from shared.runtime.definition import Gauge, ServiceDefinition
from shared.runtime.invariant_monitor import InvariantMonitor
from shared.runtime.lag import LagReader, add_unapplied, is_kafka_error, lag_gauges
from shared.runtime.metrics import Metrics

LOG = structlog.get_logger()
FRESH_SECONDS = 5.0
KAFKA_ANSWER_SECONDS = 3.0


class ServiceMonitor:
    """Gauges are read at most every 5 s. What cannot be asked is left out, so that `absent()` tells."""

    def __init__(
        self,
        definition: ServiceDefinition,
        clock: Clock,
        database: Database,
        invariant_monitor: InvariantMonitor,
        metrics: Metrics,
    ) -> None:
        self._definition = definition
        self._clock = clock
        self._database = database
        self._invariant_monitor = invariant_monitor
        self._metrics = metrics
        self._lags = LagReader(definition.settings.kafka_bootstrap)
        self._topic_inspector = TopicInspector(definition.settings.kafka_bootstrap)
        self._group = ConsumerGroup(definition.settings.kafka_bootstrap, f"salur.{definition.name}")
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
        breaches = self._invariant_monitor.breaches
        found = [Gauge("salur_invariant_breaches", number, {"invariant": name}) for name, number in breaches.items()]
        try:
            async with self._database.session() as connection:
                found += await status.gauges(connection, self._definition.name, self._clock.now())
                found += await self._definition.gauges(connection)
                positions = await self._positions(connection)
                unapplied = await self._unapplied(connection)
        except DatabaseUnavailable as error:
            LOG.warning("outage", part="metrics", error=str(error))
            return found
        try:
            lags = add_unapplied(await self._lags.lags(positions, datetime.now(UTC)), unapplied)
            found += lag_gauges(f"salur.{self._definition.name}", lags)
        except Exception as error:
            if not is_kafka_error(error):
                raise
            LOG.warning("outage", part="lag", error=repr(error))
            await self._lags.close()
        return found

    async def _positions(self, connection: Connection) -> dict[TopicPartition, int]:
        """Where reading stopped; one of our sources that was never read, or is another topic now, is unread."""
        read = {source.topic for source in self._definition.sources}
        never = {TopicPartition(t.name, p): 0 for t in TOPICS if t.name in read for p in range(t.partitions)}
        rows = await connection.fetch(QUERIES["positions"])
        changed = {TopicPartition(r["topic"], r["partition"]) for r in rows if r["stopped_reason"] == TOPIC_CHANGED}
        read_to = {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        return never | read_to | dict.fromkeys(changed, 0)

    async def _unapplied(self, connection: Connection) -> dict[TopicPartition, tuple[int, float]]:
        now = self._clock.now()
        rows = await connection.fetch(QUERIES["without_effect_counts"])
        return {
            TopicPartition(row["topic"], row["partition"]): (row["records"], (now - row["oldest"]).total_seconds())
            for row in rows
        }

    async def kafka_answers(self) -> bool:
        """Whether Kafka can be asked now."""
        topic = TopicPartition(self._definition.sources[0].topic, 0)
        try:
            async with asyncio.timeout(KAFKA_ANSWER_SECONDS):
                await self._topic_inspector.ends([topic])
        except Exception as error:
            if not is_kafka_error(error):
                raise
            return False
        return True

    async def lanes_served(self) -> frozenset[int] | None:
        """Return the lanes that some process holds; None if Kafka does not answer."""
        try:
            served = await self._group.assigned_partitions()
        except Exception as error:
            if not is_kafka_error(error):
                raise
            return None
        return frozenset(place.partition for place in served if place.topic == self._definition.lane_topic)

    async def stop(self) -> None:
        await self._lags.close()
        await self._topic_inspector.close()
        await self._group.close()
