"""How the cost grows: the rate when nearly empty against the rate with a million journeys stored, and the plans of the
queries that read the large tables: `python -m tests.benchmarks.growth`.

The stored journeys are copies of real ones (filling.py). Each rate is measured after a restart of the services. These
check their invariants a while after their start, and then seldom; so the rate with much stored is measured twice: while
they check, and at rest. That a query reads a large table from one end to the other is a breach.

The environment may set JOURNEYS (a run), STORED and SEED.
"""

import sys
import time

from deploy.local.postgres import SETTINGS
from deploy.simulation.load import journeys
from deploy.simulation.people import Person
from tests.benchmarks.course import Run, Track, quiet, run, until_checking
from tests.benchmarks.filling import fill
from tests.benchmarks.goals import GROWTH, against
from tests.benchmarks.meter import processes_of
from tests.benchmarks.plans import LINE_PREFIX, explain, large_tables, load_explaining, read_plans, sequential
from tests.benchmarks.stage import Result, Stage, benchmark, differences, number_of, say

COUNT, STORED = number_of("JOURNEYS", 20_000), number_of("STORED", 1_000_000)
EXPLAINED = 500


async def measure(stage: Stage) -> Result:
    people = journeys(stage.seed, COUNT * 4 + EXPLAINED)
    await stage.open(STORED + len(people))
    parts = [people[first : first + COUNT] for first in range(0, len(people), COUNT)]
    await run(stage, _track(stage), parts[0], "the originals")
    await stage.restart_services()
    await quiet(stage)
    empty = await run(stage, _track(stage), parts[1], "nearly empty")
    filled = await _fill(stage)
    await until_checking(stage)
    checking = await run(stage, _track(stage), parts[2], "full, while the invariants are checked")
    checked = await quiet(stage)
    full = await run(stage, _track(stage), parts[3], "full")
    large = await large_tables(stage.connection)
    plans = await _plans(stage, parts[4], large)
    say("  invariants")
    breaches = [*await stage.verify(), *differences(stage.ledgers(), people), *sequential(plans, large)]
    result = _summary(empty, checking, full)
    result |= {"stored": 2 * COUNT * (1 + _copies()), "seconds_to_fill": filled, "seconds_to_check": checked}
    result |= {"plans": plans, **await stage.surroundings()}
    result["invariants_hold"], result["breaches"] = not breaches, breaches
    result["goals"] = against(GROWTH, result)
    return result


def _copies() -> int:
    return max(1, STORED // (2 * COUNT) - 1)


def _track(stage: Stage) -> Track:
    return Track(processes_of(stage.installation))


def _summary(empty: Run, checking: Run, full: Run) -> Result:
    return {
        "nearly_empty": empty.figures(),
        "full": full.figures(),
        "full_while_checking": checking.figures(),
        "share_of_the_rate_when_empty": round(full.per_second / empty.per_second, 3),
    }


async def _fill(stage: Stage) -> float:
    started = time.monotonic()
    await stage.stop_services()
    await fill(stage, _copies())
    seconds = round(time.monotonic() - started, 1)
    say(f"\r  filled in {seconds} s               ")
    await load_explaining(stage.connection)
    await stage.restart_services()
    return seconds


async def _plans(stage: Stage, people: list[Person], large: set[str]) -> dict[str, Result]:
    """The plans that the database chose for the statements of a short run, under their names."""
    log = stage.installation.postgres.folder / "postgres.log"
    already = log.stat().st_size
    await explain(stage.connection, wanted=True)
    await run(stage, _track(stage), people, "explained")
    await explain(stage.connection, wanted=False)
    with log.open("rb") as file:
        file.seek(already)
        plans = read_plans(file.read().decode(errors="replace"), large)
    for name, entry in plans.items():
        say(f"  {name} ({entry['times']} times, {entry['ms']} ms): {'; '.join(entry['reads'])}")
    return plans


if __name__ == "__main__":
    # What the server is told when it starts cannot be changed later.
    SETTINGS["log_line_prefix"] = LINE_PREFIX
    sys.exit(benchmark("growth", measure))
