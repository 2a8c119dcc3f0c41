"""Latency from the evidence that completes a training to the instruction: `python -m tests.benchmarks.latency`.

Open loop: each journey has its time and is sent then, whether or not earlier ones are done. Latency counts from that
time, so a slow load generator or broker is included. It ends when the broker has appended the fee's instruction, in
whole milliseconds of the clock that all processes share.

The environment may set RATES (journeys a second, e.g. "300 1000"), SECONDS (of load at each rate), IDLE and SEED.
"""

import asyncio
import json
import os
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from deploy.simulation.delivery import OutgoingRecord, outgoing_record
from deploy.simulation.load import journeys
from deploy.simulation.people import Person
from deploy.simulation.timeline import timeline
from shared.contracts import completion, enrollment, payment, upstream
from shared.contracts.topics import (
    COMPLETION_EVENTS,
    ENROLLMENT_EVENTS,
    LANES,
    PARTNERS,
    TRAINING_EVIDENCE,
    TRAINING_PURCHASES,
    disbursements,
)
from tests.benchmarks.goals import LATENCY, compare_with_goals
from tests.benchmarks.harness import BenchmarkHarness, Result, benchmark, differences, number_of, print_line
from tests.benchmarks.meter import processes_of, read_meters

RATES = tuple(map(int, os.environ.get("RATES", "300 1000").split()))
SECONDS, IDLE = number_of("SECONDS", 30), number_of("IDLE", 200)
WARM_UP_SECONDS = 5.0
IDLE_RATE = 4
TICK_SECONDS = 0.01
DRAIN_WITHIN_SECONDS = 60.0
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
TIMES_OF = TIMES | {enrollment.ENROLLMENT_CONFIRMED.name: TIMES[upstream.TRAINING_PURCHASED.name]}
FIRST_MEASURED = WARM_UP_SECONDS - min(TIMES.values())
INSTRUCTED = payment.INSTRUCTION.name
# Events on the way of a training: purchase, enrollment, completing evidence, completion, instruction.
ON_THE_WAY = (
    *(upstream.TRAINING_PURCHASED.name, enrollment.ENROLLMENT_CONFIRMED.name),
    *(upstream.WORK_GRADED.name, completion.COMPLETION_CONFIRMED.name, INSTRUCTED),
)
TOPICS = (
    *(TRAINING_PURCHASES, ENROLLMENT_EVENTS, TRAINING_EVIDENCE, COMPLETION_EVENTS),
    *(disbursements(name) for name in PARTNERS),
)
FEES = "select reference, redeem_code from payment.attempt where benefit = 'fee'"
SETTLED_DISBURSEMENTS = "select count(*) from payment.disbursement where state = 'settled'"


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


async def measure(harness: BenchmarkHarness) -> Result:
    """Run each rate in turn, then idle, with the same services."""
    counts = [rate * int(WARM_UP_SECONDS + SECONDS) for rate in RATES] + [IDLE + int(WARM_UP_SECONDS * IDLE_RATE)]
    everybody = journeys(harness.seed, sum(counts))
    await harness.open_programme(len(everybody))
    runs: Result = {}
    rest = everybody
    for rate, count, name in zip((*RATES, IDLE_RATE), counts, [*map(str, RATES), "idle"], strict=True):
        people, rest = rest[:count], rest[count:]
        runs[name] = await _offer(harness, people, rate)
        print_line(f"\r  {name}: {runs[name]}")
    breaches = [*await harness.verify(), *differences(harness.ledgers(), everybody)]
    result = {
        "offered": runs,
        **await harness.describe_environment(),
        "seconds": SECONDS,
        "warm_up_seconds": WARM_UP_SECONDS,
    }
    result["invariants_hold"], result["breaches"] = not breaches, breaches
    result["goals"] = compare_with_goals(LATENCY, result)
    return result


async def _offer(harness: BenchmarkHarness, people: list[Person], rate: int) -> Result:
    table = await _sending_plan(harness, people, rate)
    settled_before = await harness.connection.fetchval(SETTLED_DISBURSEMENTS)
    processes = processes_of(harness.installation)
    begins = await _ends(harness, TOPICS)
    before = await read_meters(processes, harness.connection)
    begun, late = await _send(harness, table, f"{rate} journeys/s")
    after = await read_meters(processes, harness.connection)
    await _drain(harness, settled_before + 2 * len(people))
    appended = await _appended(harness, begins)
    busy = sum(after.cpu_seconds[name] - before.cpu_seconds[name] for name in processes)
    due = {code: begun + at for code, at in table.due.items() if at >= FIRST_MEASURED}
    waits = {
        name: percentiles([at[code] - due[code] - TIMES_OF.get(name, 0.0) for code in due])
        for name, at in appended.items()
    }
    return {
        **waits.pop(INSTRUCTED),
        "until": waits,
        "sent_late_at_most_ms": round(late * 1000, 1),
        "cores_busy": round(busy / table.seconds, 2),
        "journeys": len(due),
    }


async def _appended(harness: BenchmarkHarness, begins: Mapping[TopicPartition, int]) -> dict[str, dict[str, float]]:
    """Return the second at which the broker appended each event on the way, by event type and redeem code."""
    fees = {row["reference"]: row["redeem_code"] for row in await harness.connection.fetch(FEES)}
    found: dict[str, dict[str, float]] = {name: {} for name in ON_THE_WAY}
    async for record, at in _read(harness, begins):
        name = next(value.decode() for header, value in record.headers if header == "ce_type")
        if name == INSTRUCTED:
            code = fees.get(record.key.decode(), "")
        elif name in found:
            code = str(json.loads(record.value)["redeem_code"])
        else:
            continue
        found[name][code] = at
    return found


async def _ends(harness: BenchmarkHarness, topics: Sequence[str]) -> dict[TopicPartition, int]:
    places = [TopicPartition(topic, lane) for topic in topics for lane in range(LANES)]
    consumer = AIOKafkaConsumer(bootstrap_servers=harness.installation.kafka.bootstrap)
    await consumer.start()
    try:
        found: dict[TopicPartition, int] = await consumer.end_offsets(places)
        return found
    finally:
        await consumer.stop()


async def _read(
    harness: BenchmarkHarness, begins: Mapping[TopicPartition, int]
) -> AsyncIterator[tuple["ConsumerRecord[bytes, bytes]", float]]:
    """Yield all committed records from these offsets on, each with the second at which the broker appended it."""
    ends = await _ends(harness, sorted({place.topic for place in begins}))
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


async def _sending_plan(harness: BenchmarkHarness, people: list[Person], rate: int) -> SendingPlan:
    """Make all records, by the tick at which they are sent; people of one tick have the same time."""
    records: dict[int, list[OutgoingRecord]] = {}
    due: dict[str, float] = {}
    lead = -min(TIMES.values())
    for number, person in enumerate(people):
        at = ceil((lead + number / rate) / TICK_SECONDS) * TICK_SECONDS
        due[person.redeem_code] = at
        for sent in timeline(person, harness.keys):
            if sent.type in TIMES:
                records.setdefault(round((at + TIMES[sent.type]) / TICK_SECONDS), []).append(outgoing_record(sent))
        if number % 1000 == 0:
            print_line(f"\r  {rate} journeys/s: packed {number:,}", end="")
            await asyncio.sleep(0)
    return SendingPlan({tick: records[tick] for tick in sorted(records)}, due, max(records) * TICK_SECONDS)


async def _send(harness: BenchmarkHarness, table: SendingPlan, label: str) -> tuple[float, float]:
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


async def _drain(harness: BenchmarkHarness, wanted: int) -> None:
    """Wait until everything is settled; raise TimeoutError if it is not."""
    async with asyncio.timeout(DRAIN_WITHIN_SECONDS + SECONDS * 10):
        while await harness.connection.fetchval(SETTLED_DISBURSEMENTS) < wanted:
            await asyncio.sleep(0.2)


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Return percentiles in milliseconds: the smallest measured value that so many per cent do not exceed."""
    ordered = sorted(seconds)
    names = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "max_ms": 1.0}
    return {name: round(ordered[ceil(part * len(ordered)) - 1] * 1000, 1) for name, part in names.items()}


if __name__ == "__main__":
    sys.exit(benchmark("latency", measure))
