"""Journeys per second: `python -m tests.benchmarks.journey`.

A journey is done when fee and incentive are both settled by a partner's report. Load generator and simulated partners
run on the same machine as everything else. A figure counts only if the invariants hold at the end. Afterwards the same
records and rows are written once more without any logic (floor.py), and such journeys run through plain FastStream
(tests/benchmarks/baseline), both on the same Kafka and PostgreSQL.

The environment may set JOURNEYS (a run), RUNS, SEED, FLOOR_JOURNEYS, BASELINE_JOURNEYS (0: none) and BASELINE_WORKERS;
ACCEPTED=1 lets partners report `accepted` before `settled`, as banks do.
"""

import sys
from collections.abc import Sequence
from statistics import median

from deploy.simulation.load import journeys
from deploy.simulation.people import Person
from shared.contracts.topics import SERVICES
from tests.benchmarks.baseline.measurement import measure_baseline
from tests.benchmarks.floor import measure_floor
from tests.benchmarks.goals import JOURNEY, compare_with_goals
from tests.benchmarks.harness import BenchmarkHarness, Result, benchmark, differences, number_of, print_line
from tests.benchmarks.load_run import LoadRun, LoadTarget, run_load
from tests.benchmarks.meter import processes_of

COUNT, RUNS = number_of("JOURNEYS", 100_000), number_of("RUNS", 3)
FLOOR, BASELINE = number_of("FLOOR_JOURNEYS", 20_000), number_of("BASELINE_JOURNEYS", 3_000)
# The simulated partners are not part of the system: their cost is shown per run, but not counted in the figure.
SYSTEM = (*SERVICES, "kafka", "postgres")


async def measure(harness: BenchmarkHarness) -> Result:
    """Run all runs, one after the other in the same installation, and return their figures."""
    await harness.open_programme(COUNT * RUNS + BASELINE)
    target = LoadTarget(processes_of(harness.installation))
    everybody: list[Person] = []
    done = []
    for number in range(RUNS):
        people = journeys(harness.seed, COUNT, first_number=number * COUNT)
        everybody += people
        done.append(await run_load(harness, target, people, f"run {number + 1} of {RUNS}"))
    print_line("  invariants")
    paid = harness.ledgers()
    breaches = [*await harness.verify(), *differences(paid, everybody)]
    result = {**_summary(done), **await harness.describe_environment(), "in_flight": target.in_flight}
    await harness.stop_services()
    if FLOOR:
        result["floor_journeys_per_second"] = await measure_floor(harness, min(FLOOR, len(everybody)), len(everybody))
        result["share_of_the_floor"] = round(result["journeys_per_second"] / result["floor_journeys_per_second"], 2)
    if BASELINE:
        people = journeys(harness.seed, BASELINE, first_number=RUNS * COUNT)
        result |= await measure_baseline(harness, people, {payment.reference for payment in paid}, breaches)
        result["times_the_baseline"] = round(result["journeys_per_second"] / result["baseline_journeys_per_second"], 1)
    result["invariants_hold"], result["breaches"] = not breaches, breaches
    result["goals"] = compare_with_goals(JOURNEY, result)
    return result


def _summary(runs: Sequence[LoadRun]) -> Result:
    rates = [one.per_second for one in runs]
    figures = [one.figures() for one in runs]
    return {
        "journeys": sum(one.journeys for one in runs),
        "journeys_per_second": median(rates),
        "spread": {"lowest": min(rates), "highest": max(rates)},
        "runs": figures,
        "cpu_us_per_journey": {name: round(median(one.cpu_us[name] for one in runs), 1) for name in SYSTEM},
        "rss_mb": {name: max(one.resident_mb[name] for one in runs) for name in SYSTEM},
        "wal_bytes_per_journey": median(one["wal_bytes_per_journey"] for one in figures),
        "disk_bytes_per_journey": median(one["disk_bytes_per_journey"] for one in figures),
    }


if __name__ == "__main__":
    sys.exit(benchmark("journey", measure))
