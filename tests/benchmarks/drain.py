"""Rate at which a limited partner is instructed with what is all due at once: `python -m tests.benchmarks.drain`.

The incentives of so many people, all with one partner, fall due while its limits leave no room; then payment is started
with a rate. `instructed_per_second` counts from the first look at the queue to the last instruction, and
`largest_burst` what one sweep instructed, all as of its beginning: sweeps come every few seconds, and each uses what
the rate allowed since. Payment's memory is read every second meanwhile.

More than the rate is a breach, and in the end everybody has to be paid once.

The environment may set DUE (incentives), RATE (instructions a second) and SEED.
"""

import asyncio
import json
import sys
from dataclasses import replace

from deploy.simulation.load import journeys
from tests.benchmarks.goals import DRAIN, compare_with_goals
from tests.benchmarks.harness import BenchmarkHarness, Result, benchmark, differences, number_of, print_line
from tests.benchmarks.load_run import LoadTarget, run_load
from tests.benchmarks.meter import processes_of, resident_megabytes

DUE, RATE = number_of("DUE", 100_000), number_of("RATE", 1_000)
PARTNER = "gopay"
LOOK_EVERY_SECONDS = 1.0
START_WITHIN_SECONDS, DRAIN_WITHIN_SECONDS = 60.0, 120.0
PAUSED = "select coalesce(sum(disbursements), 0)::bigint from payment.tally where reason = 'partner_paused'"
SETTLED = "select coalesce(sum(disbursements), 0)::bigint from payment.tally where state = 'settled'"
OPENED = "select extract(epoch from rate_used_until)::float8 from payment.partner_use"
INSTRUCTED = """
select extract(epoch from instructed_at)::float8 as at, count(*)::int as instructions
from payment.attempt where partner = $1 group by instructed_at
"""


async def measure(harness: BenchmarkHarness) -> Result:
    """Let everything fall due without room, then start payment with the rate, and watch until all is settled."""
    people = [replace(person, partner=PARTNER) for person in journeys(harness.seed, DUE)]
    await harness.open_programme(len(people))
    await _limit(harness, rupiah_per_day=1)
    # A journey has come so far when one of its two payments waits.
    target = LoadTarget(processes_of(harness.installation), settled=f"select 2 * ({PAUSED})")
    await run_load(harness, target, people, f"{DUE:,} due")
    await _limit(harness, per_second=RATE)
    opened, megabytes = await _drain(harness, 2 * len(people))
    rows = await harness.connection.fetch(INSTRUCTED, PARTNER)
    achieved = DUE / (max(row["at"] for row in rows) - opened)
    breaches = [*await harness.verify(), *differences(harness.ledgers(), people)]
    breaches += [f"{achieved} a second were instructed"] if achieved > RATE else []
    result = {
        "due": DUE,
        "per_second": RATE,
        "instructed_per_second": round(achieved, 1),
        "share_of_the_rate": round(achieved / RATE, 3),
        "largest_burst": max(row["instructions"] for row in rows),
        "payment_mb": {"first": megabytes[0], "most": max(megabytes), "last": megabytes[-1]},
        "payment_mb_by_tenth": megabytes[:: max(1, len(megabytes) // 10)],
        **await harness.describe_environment(),
    }
    result["invariants_hold"], result["breaches"] = not breaches, breaches
    result["goals"] = compare_with_goals(DRAIN, result)
    return result


async def _limit(harness: BenchmarkHarness, **limits: int) -> None:
    """Start payment again with these limits of the partner."""
    payment = harness.installation.services["payment"]
    payment.environment["PAYMENT_PARTNER_LIMITS"] = json.dumps({PARTNER: limits})
    await asyncio.to_thread(payment.restart)


async def _drain(harness: BenchmarkHarness, wanted: int) -> tuple[float, list[float]]:
    """Wait until so many payments are settled; return the second of the first look, and payment's megabytes.

    Raise TimeoutError if it takes much longer than the rate allows.
    """
    async with asyncio.timeout(START_WITHIN_SECONDS):
        while (opened := await harness.connection.fetchval(OPENED)) is None:
            await asyncio.sleep(0.05)
    payment = {"payment": processes_of(harness.installation)["payment"]}
    megabytes: list[float] = []
    async with asyncio.timeout(DRAIN_WITHIN_SECONDS + 2 * DUE / RATE):
        while (settled := await harness.connection.fetchval(SETTLED)) < wanted:
            megabytes.append(resident_megabytes(payment)["payment"])
            print_line(f"\r  {settled:,} of {wanted:,} settled, {megabytes[-1]} MB ", end="")
            await asyncio.sleep(LOOK_EVERY_SECONDS)
    return opened, megabytes


if __name__ == "__main__":
    sys.exit(benchmark("drain", measure))
