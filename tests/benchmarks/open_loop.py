"""Open loop: each journey has its time and is sent then, whether or not earlier ones are done."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from deploy.simulation.delivery import OutgoingRecord, outgoing_record
from deploy.simulation.people import Person
from deploy.simulation.timeline import timeline
from shared.contracts import upstream
from shared.contracts.topics import LANES
from tests.benchmarks.harness import BenchmarkHarness, print_line

TICK_SECONDS = 0.01
# Time of each record in seconds, relative to the evidence that completes the training. Other types are not sent.
TIMES = {
    upstream.PARTICIPANT_ADMITTED.name: -3.0,
    upstream.ACCOUNT_LINKED.name: -3.0,
    upstream.TRAINING_PURCHASED.name: -3.0,
    upstream.SESSION_ATTENDED.name: -1.0,
    upstream.POST_TEST_TAKEN.name: -1.0,
    upstream.WORK_GRADED.name: 0.0,
    upstream.TRAINING_RATED.name: 0.5,
}


TimedRecord = tuple[float, OutgoingRecord]
"""Record and the second at which it is sent, relative to the evidence that completes the training."""


@dataclass(slots=True)
class SendingPlan:
    """Records by the tick of their sending, and the due time of each training's completing evidence in seconds."""

    ticks: dict[int, list[OutgoingRecord]]
    due: dict[str, float]
    seconds: float


@dataclass(slots=True)
class BackgroundSender:
    """Sender in the background; records that arrive while a partition's batch is in flight form its next batch."""

    producer: AIOKafkaProducer
    _queued: dict[tuple[str, int], deque[OutgoingRecord]] = field(default_factory=dict)
    _sending: set[asyncio.Task[None]] = field(default_factory=set)

    def enqueue(self, records: list[OutgoingRecord]) -> None:
        for one in records:
            if self._queued.get(one.topic_partition):
                self._queued[one.topic_partition].append(one)
            else:
                self._queued[one.topic_partition] = deque([one])
                self._sending.add(asyncio.create_task(self._send_partition(*one.topic_partition)))

    async def until_sent(self) -> None:
        await asyncio.gather(*self._sending)

    async def _send_partition(self, topic: str, partition: int) -> None:
        queued = self._queued[topic, partition]
        while queued:
            batch, taken = self.producer.create_batch(), 0
            for one in queued:
                if batch.append(timestamp=None, key=one.key, value=one.value, headers=list(one.headers)) is None:
                    break
                taken += 1
            await (await self.producer.send_batch(batch, topic, partition=partition))
            for _ in range(taken):
                queued.popleft()


async def plan_sending(
    harness: BenchmarkHarness,
    people: list[Person],
    rate: int,
    more: Callable[[int, Person], Iterable[TimedRecord]] = lambda *_: (),
) -> SendingPlan:
    """Make all records, by the tick at which they are sent; people of one tick have the same time.

    `more`: records besides the journey of a person, whose number counts from 0.
    """
    records: dict[int, list[OutgoingRecord]] = {}
    due: dict[str, float] = {}
    lead = -min(TIMES.values())
    for number, person in enumerate(people):
        at = ceil((lead + number / rate) / TICK_SECONDS) * TICK_SECONDS
        due[person.redeem_code] = at
        own = [(TIMES[one.type], outgoing_record(one)) for one in timeline(person, harness.keys) if one.type in TIMES]
        for after, record in (*own, *more(number, person)):
            records.setdefault(round((at + after) / TICK_SECONDS), []).append(record)
        if number % 1000 == 0:
            print_line(f"\r  {rate} journeys/s: packed {number:,}", end="")
            await asyncio.sleep(0)
    return SendingPlan({tick: records[tick] for tick in sorted(records)}, due, max(records) * TICK_SECONDS)


async def send(harness: BenchmarkHarness, table: SendingPlan, label: str) -> tuple[float, float]:
    """Send each tick at its time without waiting for acknowledgements; return the start, and the largest delay."""
    begun, late, shown = time.time(), 0.0, 0.0
    sender = BackgroundSender(harness.producer)
    for tick, records in table.ticks.items():
        at = begun + tick * TICK_SECONDS
        await asyncio.sleep(max(0.0, at - time.time()))
        late = max(late, time.time() - at)
        sender.enqueue(records)
        if at - shown > 2:
            shown = at
            print_line(f"\r  {label}: {at - begun:.0f} s      ", end="")
    await sender.until_sent()
    return begun, late


async def ends_of(harness: BenchmarkHarness, topics: Sequence[str]) -> dict[TopicPartition, int]:
    places = [TopicPartition(topic, lane) for topic in topics for lane in range(LANES)]
    consumer = AIOKafkaConsumer(bootstrap_servers=harness.installation.kafka.bootstrap)
    await consumer.start()
    try:
        found: dict[TopicPartition, int] = await consumer.end_offsets(places)
        return found
    finally:
        await consumer.stop()


async def read_from(
    harness: BenchmarkHarness, begins: Mapping[TopicPartition, int]
) -> AsyncIterator[tuple["ConsumerRecord[bytes, bytes]", float]]:
    """Yield all committed records from these offsets on, each with the second at which the broker appended it."""
    ends = await ends_of(harness, sorted({place.topic for place in begins}))
    wanted = sum(ends.values()) - sum(begins.values())
    consumer = AIOKafkaConsumer(
        bootstrap_servers=harness.installation.kafka.bootstrap, isolation_level="read_committed"
    )
    await consumer.start()
    try:
        consumer.assign(list(begins))
        for place, offset in begins.items():
            consumer.seek(place, offset)
        while wanted:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                wanted -= len(records)
                for record in records:
                    yield record, record.timestamp / 1000
    finally:
        await consumer.stop()


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Return percentiles in milliseconds: the smallest measured value that so many per cent do not exceed."""
    ordered = sorted(seconds)
    names = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "max_ms": 1.0}
    return {name: round(ordered[ceil(part * len(ordered)) - 1] * 1000, 1) for name, part in names.items()}
