"""The gauges of a service, collected from Postgres and Kafka when metrics are asked for."""

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
from shared.runtime import status
from shared.runtime.database import QUERIES, Database, DatabaseUnavailable
from shared.runtime.definition import Gauge, ServiceDefinition
from shared.runtime.invariant_monitor import InvariantMonitor
from shared.runtime.kafka_probe import is_kafka_error
from shared.runtime.lag import LagReader, add_unapplied, lag_gauges
from shared.runtime.metrics import Metrics

LOG = structlog.get_logger()
FRESH_SECONDS = 5.0


class GaugeCollector:
    """Gauges are read at most every 5 s. What cannot be asked is left out, so that `absent()` finds it."""

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
        self._read_at = float("-inf")
        self._one_at_a_time = asyncio.Lock()

    async def scrape(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        async with self._one_at_a_time:
            if time.monotonic() - self._read_at >= FRESH_SECONDS:
                self._metrics.gauges = await self._gauges()
                self._read_at = time.monotonic()
            return self._metrics.render()

    async def close(self) -> None:
        """Close the connections to Kafka."""
        await self._lags.close()

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
        """Return the offset at which reading stopped, by partition; 0 for one never read, or of another topic now."""
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
