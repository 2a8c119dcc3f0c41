"""Brings the gauges together when metrics are asked for, and checks the invariants in the background."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
from aiokafka import TopicPartition
from asyncpg import Connection

from shared.clock import Clock
from shared.contracts.topics import TOPICS
from shared.messaging.topics import Topics
from shared.runtime import status
from shared.runtime.database import QUERIES, Database, Unreachable
from shared.runtime.invariants import ENGINE_INVARIANTS, breaches_of
from shared.runtime.lag import LagReader, kafka_trouble, lag_gauges
from shared.runtime.metrics import Metrics
from shared.runtime.parts import Gauge, ServiceParts

LOG = structlog.get_logger()
FRESH_SECONDS = 5.0
KAFKA_ANSWER_SECONDS = 3.0
# A round of checks is followed by a pause of so many times its own length: they cost at most a hundredth of a core.
PAUSE_FACTOR = 100
SHORTEST_PAUSE_SECONDS = 60.0


class Monitor:
    """Gauges are read at most every 5 s. What cannot be asked is left out, so that `absent()` tells."""

    def __init__(
        self, parts: ServiceParts, clock: Clock, database: Database, books: Database, metrics: Metrics
    ) -> None:
        self._parts = parts
        self._clock = clock
        self._database = database
        self._books = books
        self._metrics = metrics
        self._lags = LagReader(parts.settings.kafka_bootstrap)
        self._pulse = Topics(parts.settings.kafka_bootstrap)
        self._read_at = float("-inf")
        self._one_at_a_time = asyncio.Lock()
        self._breaches: dict[str, int] = {}
        self._watching: asyncio.Task[None] | None = None

    async def scrape(self) -> bytes:
        """The metrics as text."""
        async with self._one_at_a_time:
            if time.monotonic() - self._read_at >= FRESH_SECONDS:
                self._metrics.gauges = await self._gauges()
                self._read_at = time.monotonic()
            return self._metrics.render()

    async def _gauges(self) -> Sequence[Gauge]:
        found = [Gauge("salur_invariant_breaches", count, {"invariant": i}) for i, count in self._breaches.items()]
        try:
            async with self._database.session() as connection:
                found += await status.gauges(connection, self._parts.name, self._clock.now())
                found += await self._parts.gauges(connection)
                positions = await self._positions(connection)
        except Unreachable as error:
            LOG.warning("outage", part="metrics", error=str(error))
            return found
        try:
            found += lag_gauges(f"salur.{self._parts.name}", await self._lags.lags(positions, datetime.now(UTC)))
        except Exception as error:
            if not kafka_trouble(error):
                raise
            LOG.warning("outage", part="lag", error=repr(error))
            await self._lags.close()
        return found

    async def _positions(self, connection: Connection) -> dict[TopicPartition, int]:
        """Where reading stopped; a partition of our sources that was never read is at its beginning."""
        read = {source.topic for source in self._parts.sources}
        never = {TopicPartition(t.name, p): 0 for t in TOPICS if t.name in read for p in range(t.partitions)}
        rows = await connection.fetch(QUERIES["positions"])
        return never | {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}

    async def watch_invariants(self) -> None:
        """Checks the invariants over and over, until cancelled."""
        while True:
            started = time.monotonic()
            for invariant in (*ENGINE_INVARIANTS, *self._parts.invariants):
                try:
                    async with self._books.session(seconds=None) as connection:
                        breaches = await breaches_of(connection, invariant)
                except Exception as error:  # noqa: BLE001 - what could not be checked is checked again later
                    LOG.warning("outage", part="invariants", invariant=invariant.id, error=repr(error))
                    continue
                self._breaches[invariant.id] = len(breaches)
                if breaches:
                    LOG.error("invariant_broken", invariant=invariant.id, name=invariant.name, breaches=len(breaches))
            await asyncio.sleep(max(SHORTEST_PAUSE_SECONDS, PAUSE_FACTOR * (time.monotonic() - started)))

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

    async def start(self) -> None:
        """Begins to check the invariants; returns at once."""
        self._watching = asyncio.create_task(self.watch_invariants())

    async def stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._lags.close()
        await self._pulse.close()
