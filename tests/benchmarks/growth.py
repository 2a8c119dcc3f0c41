"""Growth: the rate when nearly empty and with a million journeys stored: `python -m tests.benchmarks.growth`.

The plans of queries on large tables are examined too; reading a large table sequentially is a breach. The stored
journeys are copies of real ones (journey_copies.py). Each rate is measured after a restart of the services, which check
their invariants some time after their start and seldom later; so the rate with much stored is measured during the
checks and at rest.

The environment may set JOURNEYS (a run), STORED and SEED.
"""

import sys
import time

from deploy.local.postgres import SETTINGS
from deploy.simulation.load import journeys
from deploy.simulation.people import Person
from tests.benchmarks.goals import GROWTH, compare_with_goals
from tests.benchmarks.harness import BenchmarkHarness, Result, benchmark, differences, number_of, print_line
from tests.benchmarks.journey_copies import fill
from tests.benchmarks.load_run import LoadRun, LoadTarget, run_load, wait_until_checking, wait_until_idle
from tests.benchmarks.meter import processes_of
from tests.benchmarks.plans import LINE_PREFIX, explain, large_tables, load_explaining, read_plans, sequential_reads

COUNT, STORED = number_of("JOURNEYS", 20_000), number_of("STORED", 1_000_000)
EXPLAINED = 500


async def measure(harness: BenchmarkHarness) -> Result:
    people = journeys(harness.seed, COUNT * 4 + EXPLAINED)
    await harness.open_programme(STORED + len(people))
    parts = [people[first : first + COUNT] for first in range(0, len(people), COUNT)]
    await run_load(harness, _target(harness), parts[0], "the originals")
    await harness.restart_services()
    await wait_until_idle(harness)
    empty = await run_load(harness, _target(harness), parts[1], "nearly empty")
    filled = await _fill(harness)
    await wait_until_checking(harness)
    checking = await run_load(harness, _target(harness), parts[2], "full, while the invariants are checked")
    checked = await wait_until_idle(harness)
    full = await run_load(harness, _target(harness), parts[3], "full")
    large = await large_tables(harness.connection)
    plans = await _plans(harness, parts[4], large)
    print_line("  invariants")
    breaches = [*await harness.verify(), *differences(harness.ledgers(), people), *sequential_reads(plans, large)]
    result = _summary(empty, checking, full)
    result |= {"stored": 2 * COUNT * (1 + _copies()), "seconds_to_fill": filled, "seconds_to_check": checked}
    result |= {"plans": plans, **await harness.describe_environment()}
    result["invariants_hold"], result["breaches"] = not breaches, breaches
    result["goals"] = compare_with_goals(GROWTH, result)
    return result


def _copies() -> int:
    return max(1, STORED // (2 * COUNT) - 1)


def _target(harness: BenchmarkHarness) -> LoadTarget:
    return LoadTarget(processes_of(harness.installation))


def _summary(empty: LoadRun, checking: LoadRun, full: LoadRun) -> Result:
    return {
        "nearly_empty": empty.figures(),
        "full": full.figures(),
        "full_while_checking": checking.figures(),
        "share_of_the_rate_when_empty": round(full.per_second / empty.per_second, 3),
    }


async def _fill(harness: BenchmarkHarness) -> float:
    started = time.monotonic()
    await harness.stop_services()
    await fill(harness, _copies())
    seconds = round(time.monotonic() - started, 1)
    print_line(f"\r  filled in {seconds} s               ")
    await load_explaining(harness.connection)
    await harness.restart_services()
    return seconds


async def _plans(harness: BenchmarkHarness, people: list[Person], large: set[str]) -> dict[str, Result]:
    """Return the plans that the database chose for the statements of a short run, by query name."""
    log = harness.installation.postgres.folder / "postgres.log"
    already = log.stat().st_size
    await explain(harness.connection, wanted=True)
    await run_load(harness, _target(harness), people, "explained")
    await explain(harness.connection, wanted=False)
    with log.open("rb") as file:
        file.seek(already)
        plans = read_plans(file.read().decode(errors="replace"), large)
    for name, entry in plans.items():
        print_line(f"  {name} ({entry['times']} times, {entry['ms']} ms): {'; '.join(entry['reads'])}")
    return plans


if __name__ == "__main__":
    # These settings can only be given at the server's start.
    SETTINGS["log_line_prefix"] = LINE_PREFIX
    sys.exit(benchmark("growth", measure))
