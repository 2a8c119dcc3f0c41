"""Cost of sweeps and metrics at full load: `python -m tests.benchmarks.overhead`.

Runs with a sweep and a scrape of every service each second are compared with runs with a sweep a minute and no scrape,
in the order A B B A, so that growth weighs on both alike. By default a service sweeps every 5 s, and Prometheus scrapes
every 15 to 60. Processor time is compared, since it depends less than the rate on other work of the machine.

The environment may set JOURNEYS (a run) and SEED.
"""

import asyncio
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from statistics import mean

from deploy.local.services import in_every_service
from deploy.simulation.load import journeys
from shared.contracts.topics import SERVICES
from tests.benchmarks.goals import OVERHEAD, compare_with_goals
from tests.benchmarks.harness import BenchmarkHarness, Result, benchmark, differences, number_of
from tests.benchmarks.load_run import LoadRun, LoadTarget, run_load, wait_until_idle
from tests.benchmarks.meter import processes_of

COUNT = number_of("JOURNEYS", 20_000)
BUSY, QUIET, WARM_UP = "with", "without", "warm-up"
ORDER = (WARM_UP, BUSY, QUIET, QUIET, BUSY)
SWEEP_EVERY = {BUSY: "1", QUIET: "60", WARM_UP: "5"}
SYSTEM = (*SERVICES, "kafka", "postgres")


async def measure(harness: BenchmarkHarness) -> Result:
    people = journeys(harness.seed, COUNT * len(ORDER))
    await harness.open_programme(len(people))
    runs: dict[str, list[LoadRun]] = {name: [] for name in ORDER}
    for number, name in enumerate(ORDER):
        await harness.restart_services(in_every_service("SWEEP_EVERY_SECONDS", SWEEP_EVERY[name]))
        await wait_until_idle(harness)
        part = people[number * COUNT : (number + 1) * COUNT]
        async with _scraping(harness) if name == BUSY else nullcontext():
            runs[name].append(await run_load(harness, LoadTarget(processes_of(harness.installation)), part, name))
    breaches = [*await harness.verify(), *differences(harness.ledgers(), people)]
    with_both, without = _cpu(runs[BUSY]), _cpu(runs[QUIET])
    result = {
        "with_sweeps_and_scrapes_every_second": [one.figures() for one in runs[BUSY]],
        "without": [one.figures() for one in runs[QUIET]],
        "cpu_us_per_journey_with": with_both,
        "cpu_us_per_journey_without": without,
        "more_cpu_percent": round((sum(with_both.values()) / sum(without.values()) - 1) * 100, 1),
        **await harness.describe_environment(),
    }
    result["invariants_hold"], result["breaches"] = not breaches, breaches
    result["goals"] = compare_with_goals(OVERHEAD, result)
    return result


def _cpu(runs: list[LoadRun]) -> dict[str, float]:
    return {name: round(mean(one.cpu_us[name] for one in runs), 1) for name in SYSTEM}


@asynccontextmanager
async def _scraping(harness: BenchmarkHarness) -> AsyncIterator[None]:
    task = asyncio.create_task(_scrape([f"{one.url}/metrics" for one in harness.installation.services.values()]))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _scrape(urls: list[str]) -> None:
    while True:
        for url in urls:
            await asyncio.to_thread(_read, url)
        await asyncio.sleep(1)


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - loopback
        found: bytes = answer.read()
    return found


if __name__ == "__main__":
    sys.exit(benchmark("overhead", measure))
