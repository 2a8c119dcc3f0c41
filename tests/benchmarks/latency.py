"""How long from the evidence that completes a training to the instruction: `python -m tests.benchmarks.latency`.

Open loop: each journey has its time, and is sent then whether or not what came before is done; latency counts from the
time it had to be sent, so a load generator or a broker that falls behind is not left out. It ends when a reader of
committed records has the fee's instruction. At idle each journey goes alone.

The environment may set RATES (journeys a second, e.g. "300 1000"), SECONDS (of load at each rate), IDLE and SEED.
"""

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import ceil

from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.simulation.load import journeys
from deploy.simulation.people import Person
from deploy.simulation.sending import Letter, Packed, letter, pack, post
from deploy.simulation.story import story
from shared.contracts import upstream
from shared.contracts.topics import LANES, PARTNERS, disbursements
from tests.benchmarks.goals import LATENCY, against
from tests.benchmarks.stage import Result, Stage, benchmark, differences, number_of, say

RATES = tuple(map(int, os.environ.get("RATES", "300 1000").split()))
SECONDS, IDLE = number_of("SECONDS", 30), number_of("IDLE", 200)
WARM_UP_SECONDS = 5.0
IDLE_RATE = 4
TICK_SECONDS = 0.01
GIVE_UP_AFTER_SECONDS = 60.0
# When each record is sent, in seconds against the evidence that completes the training. What is not here is not sent.
TIMES: Mapping[str, float] = {
    upstream.PARTICIPANT_ADMITTED.name: -3.0,
    upstream.ACCOUNT_LINKED.name: -3.0,
    upstream.TRAINING_PURCHASED.name: -3.0,
    upstream.SESSION_ATTENDED.name: -1.0,
    upstream.POST_TEST_TAKEN.name: -1.0,
    upstream.WORK_GRADED.name: 0.0,
    upstream.TRAINING_RATED.name: 0.5,
}
FEES = "select reference, redeem_code from payment.attempt where benefit = 'fee' and redeem_code = any($1)"
RIGHTS = "select count(*) from payment.disbursement where state = 'settled'"


@dataclass(slots=True)
class Timetable:
    """What is to be sent at which tick, and when each training's completing evidence was due, in seconds from 0."""

    ticks: dict[int, Packed]
    due: dict[str, float]


@dataclass(slots=True)
class Watch:
    """When each instruction was first readable, by reference, on this process's monotonic clock."""

    bootstrap: str
    seen: dict[str, float] = field(default_factory=dict)

    async def run(self, ready: asyncio.Event) -> None:
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, isolation_level="read_committed")
        await consumer.start()
        try:
            consumer.assign([TopicPartition(disbursements(name), lane) for name in PARTNERS for lane in range(LANES)])
            await consumer.seek_to_end()
            ready.set()
            while True:
                fetched = await consumer.getmany(timeout_ms=1000)
                now = time.monotonic()
                for record in (record for records in fetched.values() for record in records):
                    self.seen.setdefault(record.key.decode(), now)
        finally:
            await consumer.stop()


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
    watch, ready = Watch(stage.installation.kafka.bootstrap), asyncio.Event()
    watching = asyncio.create_task(watch.run(ready))
    try:
        await ready.wait()
        begun, late = await _send(stage, table, f"{rate} journeys/s")
        await _drain(stage, settled_before + 2 * len(people))
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    codes = {row["reference"]: row["redeem_code"] for row in await stage.connection.fetch(FEES, list(table.due))}
    first = -min(TIMES.values()) + WARM_UP_SECONDS
    waits = [
        watch.seen[reference] - begun - table.due[code]
        for reference, code in codes.items()
        if reference in watch.seen and table.due[code] >= first
    ]
    return {**percentiles(waits), "journeys": len(waits), "sent_late_ms": round(late * 1000, 1)}


async def _timetable(stage: Stage, people: list[Person], rate: int) -> Timetable:
    """All records packed, by the tick at which they are sent; people of one tick have the same time."""
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
    return Timetable({tick: pack(stage.producer, letters[tick]) for tick in sorted(letters)}, due)


async def _send(stage: Stage, table: Timetable, label: str) -> tuple[float, float]:
    """Sends each tick at its time and waits for no answer; returns when it began, and how late it was at worst."""
    begun, late, said = time.monotonic(), 0.0, 0.0
    posting: set[asyncio.Task[None]] = set()
    for tick, packed in table.ticks.items():
        at = begun + tick * TICK_SECONDS
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        late = max(late, time.monotonic() - at)
        task = asyncio.create_task(post(stage.producer, packed))
        posting.add(task)
        task.add_done_callback(posting.discard)
        if at - said > 2:
            said = at
            say(f"\r  {label}: {at - begun:.0f} s      ", end="")
    await asyncio.gather(*posting)
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
