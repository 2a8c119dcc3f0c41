"""Questions about topics, asked outside the consumer group: where they begin and end, what lies at an offset."""

import asyncio
import contextlib
from collections.abc import Collection, Mapping
from types import TracebackType

from aiokafka import TopicPartition

from shared.messaging.message import Record
from shared.messaging.reading.record_batches import FETCH_SETTINGS
from shared.messaging.reading.topic_ids import NO_IDS, IdentifyingConsumer, TopicIds

DEADLINE_SECONDS = 15.0
STOP_SECONDS = 5.0
# A question waits until the fetch before it on the same connection is answered.
FETCH_MAX_WAIT_MS = 10
PORTION_BYTES = 4 << 20
PORTION_RECORDS = 100
# The size of a record in memory besides its value.
RECORD_BYTES = 1000


class TopicInspector:
    """A consumer without a group, for questions asked at assignment, by sweeps and every minute."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._consumer: IdentifyingConsumer | None = None
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> "TopicInspector":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop the consumer. One that does not stop in time, since its broker is away, is abandoned."""
        # Not while a question is being asked: it would wait for the answer until its deadline.
        async with self._lock:
            consumer, self._consumer = self._consumer, None
            if consumer is not None:
                await _stop(consumer)

    async def _ready(self) -> IdentifyingConsumer:
        if self._consumer is None:
            consumer = IdentifyingConsumer(
                bootstrap_servers=self._bootstrap,
                isolation_level="read_committed",
                enable_auto_commit=False,
                auto_offset_reset="none",
                fetch_max_wait_ms=FETCH_MAX_WAIT_MS,
                **FETCH_SETTINGS,
            )
            try:
                async with asyncio.timeout(DEADLINE_SECONDS):
                    await consumer.start()
            except BaseException:
                await _stop(consumer)
                raise
            self._consumer = consumer
        return self._consumer

    async def ends(self, places: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offset after the last readable record of each partition."""
        async with self._lock:
            return await self._offsets(places, "end_offsets")

    async def beginnings(self, places: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the first offset that retention has left in each partition."""
        async with self._lock:
            return await self._offsets(places, "beginning_offsets")

    async def _offsets(self, places: Collection[TopicPartition], question: str) -> dict[TopicPartition, int]:
        if not places:
            return {}
        consumer = await self._ready()
        async with asyncio.timeout(DEADLINE_SECONDS):
            found = await getattr(consumer, question)(list(places))
        return {TopicPartition(*place): offset for place, offset in found.items()}

    async def ids(self, names: Collection[str]) -> TopicIds:
        """Return the ids of these topics, by which they are to be fetched."""
        async with self._lock:
            consumer = await self._ready()
            async with asyncio.timeout(DEADLINE_SECONDS):
                return await consumer.ask_ids(names)

    async def records_at(
        self, wanted: Mapping[TopicPartition, int], ids: TopicIds = NO_IDS
    ) -> dict[TopicPartition, Record]:
        """Return the record at one offset of each partition, or the batch that holds it and cannot be taken apart.

        A partition without a record there is missing. Raise OffsetOutOfRangeError if a topic has another id now.
        """
        ends, beginnings = await self.ends(wanted), await self.beginnings(wanted)
        there = {place: at for place, at in wanted.items() if beginnings[place] <= at < ends[place]}
        async with self._lock:
            found = await self._first_records({place: (at, at + 1) for place, at in there.items()}, ids)
        return {place: record for place, record in found.items() if record.begins_at <= there[place] <= record.offset}

    async def _first_records(
        self, spans: Mapping[TopicPartition, tuple[int, int]], ids: TopicIds = NO_IDS
    ) -> dict[TopicPartition, Record]:
        """Return the first record in [start, end) of each partition, unless only control records are left."""
        consumer = await self._assign({place: start for place, (start, _) in spans.items()}, ids)
        found: dict[TopicPartition, Record] = {}
        missing = set(spans)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while missing:
                came = await consumer.getmany(*missing, timeout_ms=100, max_records=1)
                found |= {TopicPartition(*place): records[0] for place, records in came.items()}
                done = set(came) or {place for place in missing if await consumer.position(place) >= spans[place][1]}
                for place in done:
                    # Records kept of this partition would delay fetches of the others.
                    consumer.pause(place)
                    consumer.seek(place, spans[place][0])
                missing -= done
        consumer.pause(*consumer.assignment())
        return found

    async def read_portion(self, place: TopicPartition, start: int, end: int) -> tuple[list[Record], int]:
        """Return records of a partition in [start, end), about PORTION_BYTES, and the offset to go on at."""
        records: list[Record] = []
        size = 0
        async with self._lock:
            consumer = await self._assign({place: start})
            while (reached := await consumer.position(place)) < end and size < PORTION_BYTES:
                async with asyncio.timeout(DEADLINE_SECONDS):
                    came = await consumer.getmany(timeout_ms=100, max_records=PORTION_RECORDS)
                records += [record for of_one in came.values() for record in of_one if record.offset < end]
                size = sum(len(record.value or b"") + RECORD_BYTES for record in records)
            consumer.pause(*consumer.assignment())
        return records, reached

    async def _assign(self, starts: Mapping[TopicPartition, int], ids: TopicIds = NO_IDS) -> IdentifyingConsumer:
        consumer = await self._ready()
        consumer.fetch_by_ids(ids)
        consumer.assign(list(starts))
        for place, start in starts.items():
            consumer.seek(place, start)
        return consumer


async def _stop(consumer: IdentifyingConsumer) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            await consumer.stop()
