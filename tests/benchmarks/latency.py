"""Latency from the evidence that completes a training to the instruction: `python -m tests.benchmarks.latency`.

The load is an open loop (`open_loop.py`): latency counts from the time at which the evidence is due, so a slow load
generator or broker is included. It ends when the broker has appended the fee's instruction, in whole milliseconds of
the clock that all processes share.

The environment may set RATES (journeys a second, e.g. "300 1000"), SECONDS (of load at each rate), IDLE and SEED.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping

from aiokafka import TopicPartition

from deploy.simulation.load import journeys
from deploy.simulation.people import Person
from shared.contracts import completion, enrollment, payment, upstream
from shared.contracts.topics import (
    COMPLETION_EVENTS,
    ENROLLMENT_EVENTS,
    PARTNERS,
    TRAINING_EVIDENCE,
    TRAINING_PURCHASES,
    disbursements,
)
from tests.benchmarks.goals import LATENCY, compare_with_goals
from tests.benchmarks.harness import BenchmarkHarness, Result, benchmark, differences, number_of, print_line
from tests.benchmarks.meter import processes_of, read_meters
from tests.benchmarks.open_loop import TIMES, ends_of, percentiles, plan_sending, read_from, send

RATES = tuple(map(int, os.environ.get("RATES", "300 1000").split()))
SECONDS, IDLE = number_of("SECONDS", 30), number_of("IDLE", 200)
WARM_UP_SECONDS = 5.0
IDLE_RATE = 4
DRAIN_WITHIN_SECONDS = 60.0
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
    table = await plan_sending(harness, people, rate)
    settled_before = await harness.connection.fetchval(SETTLED_DISBURSEMENTS)
    processes = processes_of(harness.installation)
    begins = await ends_of(harness, TOPICS)
    before = await read_meters(processes, harness.connection)
    begun, late = await send(harness, table, f"{rate} journeys/s")
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
    async for record, at in read_from(harness, begins):
        name = next(value.decode() for header, value in record.headers if header == "ce_type")
        if name == INSTRUCTED:
            code = fees.get(record.key.decode(), "")
        elif name in found:
            code = str(json.loads(record.value)["redeem_code"])
        else:
            continue
        found[name][code] = at
    return found


async def _drain(harness: BenchmarkHarness, wanted: int) -> None:
    """Wait until everything is settled; raise TimeoutError if it is not."""
    async with asyncio.timeout(DRAIN_WITHIN_SECONDS + SECONDS * 10):
        while await harness.connection.fetchval(SETTLED_DISBURSEMENTS) < wanted:
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    sys.exit(benchmark("latency", measure))
