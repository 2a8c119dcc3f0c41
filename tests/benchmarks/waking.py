"""A crowd that applied before its wave was opened: `python -m tests.benchmarks.waking`.

All admissions wait; then the wave opens, and all are admitted, in each lane in the order in which they came, by a
process that stays within the memory it is given. That it does not is a breach.

The environment may set PEOPLE and SEED.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.simulation.load import journeys, open_the_programme
from deploy.simulation.people import Person
from deploy.simulation.sending import letter, pack, post
from deploy.simulation.story import story
from tests.benchmarks.meter import processes_of
from tests.benchmarks.stage import Result, Stage, benchmark, number_of, say

PEOPLE = number_of("PEOPLE", 100_000)
AT_MOST_BYTES = 250 * 1000 * 1000
ALL_WITHIN_SECONDS = 1800
IN_ORDER = """
    select count(*) from (
        select (e.number < lag(e.number) over (partition by a.lane order by a.ctid)) as overtakes
        from enrollment.admission a join unnest($1::text[]) with ordinality as e (participant_id, number)
             using (participant_id)) as admitted
    where overtakes"""


async def measure(stage: Stage) -> Result:
    people = journeys(stage.seed, PEOPLE)
    await _apply(stage, people)
    await _until(stage, "select count(*) from enrollment.waiting", len(people))
    before, began = _peak(stage), time.monotonic()
    await open_the_programme(stage.producer, stage.keys, len(people), stage.seed)
    await _until(stage, "select count(*) from enrollment.admission where reason is null", len(people))
    seconds, after = time.monotonic() - began, _peak(stage)
    overtaken = await stage.connection.fetchval(IN_ORDER, [person.participant_id for person in people])
    breaches = await stage.verify()
    breaches += [f"{overtaken} overtook somebody"] if overtaken else []
    breaches += [f"{after} bytes of memory"] if after > AT_MOST_BYTES else []
    return {
        "people": len(people),
        "seconds": round(seconds, 1),
        "admitted_per_second": round(len(people) / seconds),
        "peak_bytes_when_all_waited": before,
        "peak_bytes": after,
        **await stage.surroundings(),
        "invariants_hold": not breaches,
        "breaches": breaches,
    }


async def _apply(stage: Stage, people: Sequence[Person]) -> None:
    admissions = (next(iter(story(person, stage.keys))) for person in people)
    await post(stage.producer, pack(stage.producer, map(letter, admissions)))


async def _until(stage: Stage, query: str, count: int) -> None:
    async with asyncio.timeout(ALL_WITHIN_SECONDS):
        while (found := await stage.connection.fetchval(query)) < count:
            say(f"\r  {found:,} of {count:,}", end="")
            await asyncio.sleep(1)
    say("")


def _peak(stage: Stage) -> int:
    """Return the most bytes that the process of enrollment has had in memory at once."""
    lines = Path(f"/proc/{processes_of(stage.installation)['enrollment'].pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    sys.exit(benchmark("waking", measure))
