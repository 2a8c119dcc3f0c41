"""Profile of the services by sampling, and the cost of each statement: `python -m tests.benchmarks.cpu_profile`.

It needs py-spy, which is no dependency: on the path, or PYSPY=<its path>. A sample belongs to the innermost frame that
some area claims; the areas share out the processor time that the process really used. Statements are timed by
pg_stat_statements, including the wait for the disk at COMMIT.

The environment may set JOURNEYS and SEED.
"""

import asyncio
import os
import shutil
import signal
import sys
from asyncio.subprocess import Process as Sampler
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from deploy.local.postgres import SETTINGS
from deploy.simulation.load import journeys
from shared.contracts.topics import SERVICES
from tests.benchmarks.harness import BenchmarkHarness, Result, benchmark, differences, number_of, print_line
from tests.benchmarks.load_run import LoadTarget, run_load
from tests.benchmarks.meter import processes_of
from tests.benchmarks.plans import query_namer

COUNT, WARM_UP = number_of("JOURNEYS", 20_000), 3_000
SAMPLES_A_SECOND = 200
STATEMENTS = 15
# Areas in order of precedence; a stack belongs to the first area that matches its innermost matching frame.
AREAS = (
    ("seals", ("shared/contracts/seals.py", "shared/contracts/secret.py", "shared/contracts/blind_index.py")),
    ("Kafka: fetch and unpack", ("aiokafka/consumer/", "aiokafka/record/", "shared/messaging/reading/consumer.py")),
    ("Kafka: publish", ("aiokafka/producer/", "shared/messaging/outbox/publisher.py")),
    ("Kafka: connection", ("aiokafka/",)),
    ("envelope, JSON, validation", ("shared/contracts/", "pydantic/")),
    ("Postgres: client", ("asyncpg/", "shared/postgres/")),
    ("pages", ("shared/messaging/outbox/page.py", "shared/messaging/transaction/flush.py")),
    ("engine", ("shared/messaging/",)),
    ("rules", ("/domain/",)),
    ("handlers and store", ("/handlers/", "/payout/", "/store.py", "/store/", "/timers.py")),
    (
        "metrics and checks",
        ("shared/runtime/metrics.py", "shared/runtime/gauge_collector.py", "/invariants.py", "prometheus_client/"),
    ),
    ("FastStream", ("faststream/", "fast_depends/")),
)
SLOWEST = """
    select rolname as service, query, calls, total_exec_time * 1000 as us from pg_stat_statements
    join pg_roles on pg_roles.oid = userid where rolname = any($1) order by total_exec_time desc limit $2"""


async def measure(harness: BenchmarkHarness) -> Result:
    people = journeys(harness.seed, COUNT + WARM_UP)
    await harness.open_programme(len(people))
    await harness.connection.execute("create extension pg_stat_statements")
    target = LoadTarget(processes_of(harness.installation))
    await run_load(harness, target, people[:WARM_UP], "warm-up")
    await harness.connection.execute("select pg_stat_statements_reset()")
    samplers = [await _sample(harness, name) for name in SERVICES]
    try:
        done = await run_load(harness, target, people[WARM_UP:], "sampled")
    finally:
        for sampler in samplers:
            sampler.send_signal(signal.SIGINT)
            await sampler.wait()
    slowest = await harness.connection.fetch(SLOWEST, SERVICES, STATEMENTS)
    names = query_namer()
    breaches = [*await harness.verify(), *differences(harness.ledgers(), people)]
    result = done.figures() | {
        "us_per_journey": {
            name: shares(_samples(harness, name).read_text().splitlines(), done.cpu_us[name]) for name in SERVICES
        },
        "statements_us_per_journey": {
            f"{row['service']}.{names(row['query'])}": round(row["us"] / COUNT, 1) for row in slowest
        },
        **await harness.describe_environment(),
    }
    for name, areas in result["us_per_journey"].items():
        print_line(f"  {name}: {areas}")
    return result | {"invariants_hold": not breaches, "breaches": breaches}


async def _sample(harness: BenchmarkHarness, name: str) -> Sampler:
    process = harness.installation.services[name].process
    program = os.environ.get("PYSPY") or shutil.which("py-spy")
    if process is None or program is None:
        raise FileNotFoundError("py-spy is not on the path, and PYSPY does not name it")
    rate, target = str(SAMPLES_A_SECOND), str(_samples(harness, name))
    command = (program, "record", "--nonblocking", "-r", rate, "-d", "3600", "-f", "raw", "-o", target)
    quiet = asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(*command, "-p", str(process.pid), stdout=quiet, stderr=quiet)


def _samples(harness: BenchmarkHarness, name: str) -> Path:
    return harness.installation.folder / f"{name}.samples"


def shares(samples: Sequence[str], cpu_us: float) -> dict[str, float]:
    """Return microseconds per journey by area, the largest first; `samples` are lines of a stack and its count."""
    counted: Counter[str] = Counter()
    for line in samples:
        stack, _, count = line.rpartition(" ")
        counted[_area(stack.split(";"))] += int(count)
    return {area: round(cpu_us * count / counted.total(), 1) for area, count in counted.most_common()}


def _area(frames: list[str]) -> str:
    for frame in reversed(frames):
        for area, places in AREAS:
            if any(place in frame for place in places):
                return area
    return "event loop and the rest"


if __name__ == "__main__":
    # PostgreSQL can load this library only at its start.
    SETTINGS["shared_preload_libraries"] = "pg_stat_statements"
    sys.exit(benchmark("spending", measure))
