"""How long from the evidence that completes a training to the instruction: `python -m tests.benchmarks.latency`.

Open loop: each journey has its time, and is sent then whether or not what came before is done; latency counts from the
time it had to be sent, so a load generator or a broker that falls behind is not left out. It ends when the broker has
appended the fee's instruction, in whole milliseconds of the clock that all here share.

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

from deploy.simulation.load import journeys
from deploy.simulation.people import Person
from deploy.simulation.sending import Letter, letter
from deploy.simulation.story import story
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
from tests.benchmarks.goals import LATENCY, against
from tests.benchmarks.meter import processes_of, read_meters
from tests.benchmarks.stage import Result, Stage, benchmark, differences, number_of, say

RATES = tuple(map(int, os.environ.get("RATES", "300 1000").split()))
SECONDS, IDLE = number_of("SECONDS", 30), number_of("IDLE", 200)
WARM_UP_SECONDS = 5.0
IDLE_RATE = 4
TICK_SECONDS = 0.01
GIVE_UP_AFTER_SECONDS = 60.0
# When each record is sent, in seconds against the evidence that completes the training. What is not here is not sent.
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
# The way of a training: bought, its enrollment known, completed by this evidence, its completion known, instructed.
ON_THE_WAY = (
    *(upstream.TRAINING_PURCHASED.name, enrollment.ENROLLMENT_CONFIRMED.name),
    *(upstream.WORK_GRADED.name, completion.COMPLETION_CONFIRMED.name, INSTRUCTED),
)
TOPICS = (
    *(TRAINING_PURCHASES, ENROLLMENT_EVENTS, TRAINING_EVIDENCE, COMPLETION_EVENTS),
    *(disbursements(name) for name in PARTNERS),
)
FEES = "select reference, redeem_code from payment.attempt where benefit = 'fee'"
RIGHTS = "select count(*) from payment.disbursement where state = 'settled'"


@dataclass(slots=True)
class Timetable:
    """What is to be sent at which tick, and when each training's completing evidence was due, in seconds from 0."""

    ticks: dict[int, list[Letter]]
    due: dict[str, float]
    seconds: float


@dataclass(slots=True)
class Mail:
    """Sends in the background; what comes for a partition while a batch is under way makes up the next one."""

    producer: AIOKafkaProducer
    _waiting: dict[tuple[str, int], deque[Letter]] = field(default_factory=dict)
    _posting: set[asyncio.Task[None]] = field(default_factory=set)

    def put(self, letters: list[Letter]) -> None:
        for one in letters:
            if self._waiting.get(one.where):
                self._waiting[one.where].append(one)
            else:
                self._waiting[one.where] = deque([one])
                self._posting.add(asyncio.create_task(self._post(*one.where)))

    async def sent(self) -> None:
        await asyncio.gather(*self._posting)

    async def _post(self, topic: str, partition: int) -> None:
        waiting = self._waiting[topic, partition]
        while waiting:
            batch, taken = self.producer.create_batch(), 0
            for one in waiting:
                if batch.append(timestamp=None, key=one.key, value=one.value, headers=list(one.headers)) is None:
                    break
                taken += 1
            await (await self.producer.send_batch(batch, topic, partition=partition))
            for _ in range(taken):
                waiting.popleft()


async def measure(stage: Stage) -> Result:
    """Each rate in turn, then idle; the same services all the while."""
    counts = [rate * int(WARM_UP_SECONDS + SECONDS) for rate in RATES] + [IDLE + int(WARM_UP_SECONDS * IDLE_RATE)]
    everybody = journeys(stage.seed, sum(counts))
    await stage.open(len(everybody))
    runs: Result = {}
    rest = everybody
    for rate, count, name in zip((*RATES, IDLE_RATE), counts, [*map(str, RATES), "idle"], strict=True):
        people, rest = rest[:count], rest[count:]
        runs[name] = await _offer(stage, people, rate)
        say(f"\r  {name}: {runs[name]}")
    breaches = [*await stage.verify(), *differences(stage.ledgers(), everybody)]
    result = {"offered": runs, **await stage.surroundings(), "seconds": SECONDS, "warm_up_seconds": WARM_UP_SECONDS}
    result["invariants_hold"], result["breaches"] = not breaches, breaches
    result["goals"] = against(LATENCY, result)
    return result


async def _offer(stage: Stage, people: list[Person], rate: int) -> Result:
    table = await _timetable(stage, people, rate)
    settled_before = await stage.connection.fetchval(RIGHTS)
    processes = processes_of(stage.installation)
    begins = await _ends(stage, TOPICS)
    before = await read_meters(processes, stage.connection)
    begun, late = await _send(stage, table, f"{rate} journeys/s")
    after = await read_meters(processes, stage.connection)
    await _drain(stage, settled_before + 2 * len(people))
    appended = await _appended(stage, begins)
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


async def _appended(stage: Stage, begins: Mapping[TopicPartition, int]) -> dict[str, dict[str, float]]:
    """When the broker had appended what is on the way, in seconds, by kind of event and redeem code."""
    fees = {row["reference"]: row["redeem_code"] for row in await stage.connection.fetch(FEES)}
    found: dict[str, dict[str, float]] = {name: {} for name in ON_THE_WAY}
    async for record, at in _read(stage, begins):
        name = next(value.decode() for header, value in record.headers if header == "ce_type")
        if name == INSTRUCTED:
            code = fees.get(record.key.decode(), "")
        elif name in found:
            code = str(json.loads(record.value)["redeem_code"])
        else:
            continue
        found[name][code] = at
    return found


async def _ends(stage: Stage, topics: Sequence[str]) -> dict[TopicPartition, int]:
    places = [TopicPartition(topic, lane) for topic in topics for lane in range(LANES)]
    consumer = AIOKafkaConsumer(bootstrap_servers=stage.installation.kafka.bootstrap)
    await consumer.start()
    try:
        found: dict[TopicPartition, int] = await consumer.end_offsets(places)
        return found
    finally:
        await consumer.stop()


async def _read(
    stage: Stage, begins: Mapping[TopicPartition, int]
) -> AsyncIterator[tuple["ConsumerRecord[bytes, bytes]", float]]:
    """All committed records from there on, each with the second at which the broker appended it."""
    ends = await _ends(stage, sorted({place.topic for place in begins}))
    wanted = sum(ends.values()) - sum(begins.values())
    consumer = AIOKafkaConsumer(bootstrap_servers=stage.installation.kafka.bootstrap, isolation_level="read_committed")
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


async def _timetable(stage: Stage, people: list[Person], rate: int) -> Timetable:
    """All records by the tick at which they are sent; people of one tick have the same time."""
    letters: dict[int, list[Letter]] = {}
    due: dict[str, float] = {}
    lead = -min(TIMES.values())
    for number, person in enumerate(people):
        at = ceil((lead + number / rate) / TICK_SECONDS) * TICK_SECONDS
        due[person.redeem_code] = at
        for sent in story(person, stage.keys):
            if sent.type in TIMES:
                letters.setdefault(round((at + TIMES[sent.type]) / TICK_SECONDS), []).append(letter(sent))
        if number % 1000 == 0:
            say(f"\r  {rate} journeys/s: packed {number:,}", end="")
            await asyncio.sleep(0)
    return Timetable({tick: letters[tick] for tick in sorted(letters)}, due, max(letters) * TICK_SECONDS)


async def _send(stage: Stage, table: Timetable, label: str) -> tuple[float, float]:
    """Sends each tick at its time and waits for no answer; returns when it began, and how late it was at worst."""
    begun, late, said = time.time(), 0.0, 0.0
    mail = Mail(stage.producer)
    for tick, letters in table.ticks.items():
        at = begun + tick * TICK_SECONDS
        await asyncio.sleep(max(0.0, at - time.time()))
        late = max(late, time.time() - at)
        mail.put(letters)
        if at - said > 2:
            said = at
            say(f"\r  {label}: {at - begun:.0f} s      ", end="")
    await mail.sent()
    return begun, late


async def _drain(stage: Stage, wanted: int) -> None:
    """Raises TimeoutError when what was offered does not become whole."""
    async with asyncio.timeout(GIVE_UP_AFTER_SECONDS + SECONDS * 10):
        while await stage.connection.fetchval(RIGHTS) < wanted:
            await asyncio.sleep(0.2)


def percentiles(seconds: list[float]) -> dict[str, float]:
    """In milliseconds: the smallest value that so many per cent do not exceed."""
    ordered = sorted(seconds)
    names = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "max_ms": 1.0}
    return {name: round(ordered[ceil(part * len(ordered)) - 1] * 1000, 1) for name, part in names.items()}


if __name__ == "__main__":
    sys.exit(benchmark("latency", measure))
