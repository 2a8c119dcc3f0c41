"""Release of many deferred records: admissions that came before their wave, `python -m tests.benchmarks.deferral`.

All admissions are deferred; then the wave opens, and all are admitted, in each lane in the order of arrival, by a
process that stays within its memory limit. Exceeding the limit is a breach.

The environment may set PEOPLE and SEED.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.simulation.delivery import outgoing_record, pack, send_batches
from deploy.simulation.load import journeys, open_programme
from deploy.simulation.people import Person
from deploy.simulation.timeline import timeline
from tests.benchmarks.harness import BenchmarkHarness, Result, benchmark, number_of, print_line
from tests.benchmarks.meter import processes_of

PEOPLE = number_of("PEOPLE", 100_000)
AT_MOST_BYTES = 250 * 1000 * 1000
ALL_WITHIN_SECONDS = 1800
IN_ORDER = """
    select count(*) from (
        select (e.number < lag(e.number) over (partition by a.lane order by a.ctid)) as overtakes
        from enrollment.admission a join unnest($1::text[]) with ordinality as e (participant_id, number)
             using (participant_id)) as admitted
    where overtakes"""


async def measure(harness: BenchmarkHarness) -> Result:
    people = journeys(harness.seed, PEOPLE)
    await _apply(harness, people)
    await _until(harness, "select count(*) from enrollment.waiting", len(people))
    before, began = _peak(harness), time.monotonic()
    await open_programme(harness.producer, harness.keys, len(people), harness.seed)
    await _until(harness, "select count(*) from enrollment.admission where reason is null", len(people))
    seconds, after = time.monotonic() - began, _peak(harness)
    overtaken = await harness.connection.fetchval(IN_ORDER, [person.participant_id for person in people])
    breaches = await harness.verify()
    breaches += [f"{overtaken} overtook somebody"] if overtaken else []
    breaches += [f"{after} bytes of memory"] if after > AT_MOST_BYTES else []
    return {
        "people": len(people),
        "seconds": round(seconds, 1),
        "admitted_per_second": round(len(people) / seconds),
        "peak_bytes_when_all_waited": before,
        "peak_bytes": after,
        **await harness.describe_environment(),
        "invariants_hold": not breaches,
        "breaches": breaches,
    }


async def _apply(harness: BenchmarkHarness, people: Sequence[Person]) -> None:
    admissions = (next(iter(timeline(person, harness.keys))) for person in people)
    await send_batches(harness.producer, pack(harness.producer, map(outgoing_record, admissions)))


async def _until(harness: BenchmarkHarness, query: str, count: int) -> None:
    async with asyncio.timeout(ALL_WITHIN_SECONDS):
        while (found := await harness.connection.fetchval(query)) < count:
            print_line(f"\r  {found:,} of {count:,}", end="")
            await asyncio.sleep(1)
    print_line("")


def _peak(harness: BenchmarkHarness) -> int:
    """Return the peak resident bytes of the enrollment process."""
    lines = Path(f"/proc/{processes_of(harness.installation)['enrollment'].pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    sys.exit(benchmark("waking", measure))
