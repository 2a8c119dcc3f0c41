"""Run of the baseline beside the journey benchmark, on the same servers, with Salur's services stopped."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local.paths import ROOT
from deploy.local.processes import Process
from deploy.local.topic_creation import create_topics
from deploy.simulation.people import Person
from shared.contracts.topics import (
    ENROLLMENT_REQUESTS,
    LANES,
    PARTNERS,
    SERVICES,
    TRAINING_ATTENDANCE,
    TRAINING_EVIDENCE,
    TRAINING_PURCHASES,
    Topic,
    disbursement_reports,
)
from tests.benchmarks.baseline.service import (
    BOOTSTRAP,
    COMPLETION_EVENTS,
    ENROLLMENT_EVENTS,
    KEYS,
    OUTBOX,
    PAYMENT_EVENTS,
    POSTGRES,
    READY,
    WORKERS,
)
from tests.benchmarks.harness import BenchmarkHarness, Result, differences, number_of
from tests.benchmarks.load_run import LoadTarget, run_load
from tests.benchmarks.meter import processes_of

SETTLED = "select count(*) from baseline_payment.disbursement where state = 'settled'"
PORTION, IN_FLIGHT = 100, 1_000
DEFAULT_WORKERS = 2
# Topics whose records before the baseline's start are Salur's own load.
ALREADY_READ = (
    ("baseline_enrollment", ENROLLMENT_REQUESTS),
    ("baseline_enrollment", TRAINING_PURCHASES),
    ("baseline_completion", TRAINING_ATTENDANCE),
    ("baseline_completion", TRAINING_EVIDENCE),
    *(("baseline_payment", disbursement_reports(name)) for name in PARTNERS),
)


async def measure_baseline(
    harness: BenchmarkHarness, people: list[Person], paid_before: set[str], breaches: list[str]
) -> Result:
    """Run the same journeys for other people, and add wrong payments to `breaches`.

    Salur's services must not run meanwhile.
    """
    await _prepare(harness)
    processes = await asyncio.to_thread(_start, harness)
    try:
        others = {name: one for name, one in processes_of(harness.installation).items() if name not in SERVICES}
        target = LoadTarget(processes | others, SETTLED, PORTION, IN_FLIGHT)
        done = await run_load(harness, target, people, "baseline")
        paid = [payment for payment in harness.ledgers() if payment.reference not in paid_before]
        breaches += [f"baseline: {one}" for one in differences(paid, people)]
    finally:
        for process in processes.values():
            await asyncio.to_thread(process.stop)
    figures = done.figures() | {"workers": number_of(WORKERS, DEFAULT_WORKERS)}
    return {"baseline_journeys_per_second": done.per_second, "baseline": figures}


async def _prepare(harness: BenchmarkHarness) -> None:
    """Create tables and topics, and set the groups' offsets to the end of Salur's own load."""
    await harness.connection.execute(Path(__file__).with_name("schema.sql").read_text())
    for service in SERVICES:
        await harness.connection.execute(f"set search_path = baseline_{service}; {OUTBOX}; reset search_path")
    bootstrap = harness.installation.kafka.bootstrap
    own = (ENROLLMENT_EVENTS, COMPLETION_EVENTS, PAYMENT_EVENTS)
    await create_topics(bootstrap, [Topic(name, LANES, internal=True) for name in own])
    for service, topic in ALREADY_READ:
        await _stand_behind(bootstrap, f"{service}.{topic}", topic)


async def _stand_behind(bootstrap: str, group: str, topic: str) -> None:
    places = [TopicPartition(topic, lane) for lane in range(LANES)]
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(places)
        await consumer.commit(await consumer.end_offsets(places))
    finally:
        await consumer.stop()


def _start(harness: BenchmarkHarness) -> dict[str, Process]:
    """Start the three services, each in its own process, and return when all consume."""
    folder, processes = harness.installation.folder / "baseline", {}
    for name in SERVICES:
        processes[name] = Process.start(
            name,
            [sys.executable, "-m", f"tests.benchmarks.baseline.{name}"],
            log=folder / f"{name}.log",
            environment=_environment(harness, folder / f"{name}.ready"),
            folder=ROOT,
        )
    try:
        for name, process in processes.items():
            process.wait_until((folder / f"{name}.ready").exists, seconds=60)
    except BaseException:
        for process in processes.values():
            process.kill()
        raise
    return processes


def _environment(harness: BenchmarkHarness, ready: Path) -> Mapping[str, str]:
    return {
        **os.environ,
        READY: str(ready),
        BOOTSTRAP: harness.installation.kafka.bootstrap,
        POSTGRES: harness.installation.postgres_url,
        KEYS: str(harness.installation.keys),
        WORKERS: str(number_of(WORKERS, DEFAULT_WORKERS)),
    }
