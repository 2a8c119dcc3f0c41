"""Time from a halt to the last instruction that it should stop: `python -m tests.benchmarks.halts`.

The load is that of `latency.py`, at a rate beyond what two cores do, so that batches are as large as they get. All, a
partner and the wave are halted in turn by the verb, each for some seconds, and resumed. `after_the_halt` is the time
from the commit of a halt to the broker's append of the last instruction that it stops, 0 if there was none after it; an
instruction counts until the halt ends. `committed_after_a_halt` counts those that a running batch committed after it.

A commit is timed by a deferred trigger, a moment before Postgres has written it, so the time is a little too long. In
the end everybody has to be paid once.

The environment may set RATE (journeys a second), SECONDS (of load) and SEED.
"""

import asyncio
import itertools
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aiokafka import TopicPartition
from asyncpg import Record

from deploy.simulation.load import journeys
from shared.contracts import payment
from shared.contracts.topics import PARTNERS, disbursements
from tests.benchmarks.goals import HALTS, compare_with_goals
from tests.benchmarks.harness import BenchmarkHarness, Result, benchmark, differences, number_of
from tests.benchmarks.open_loop import ends_of, percentiles, plan_sending, read_from, send

RATE, SECONDS = number_of("RATE", 1000), number_of("SECONDS", 60)
HALTED_SECONDS = 1.5
GOING_SECONDS = 1.0
BY = ("--who", "ani", "--why", "measured")
DRAIN_WITHIN_SECONDS = 120.0
INSTRUCTED = payment.INSTRUCTION.name
COMMIT_TIMES = """
create schema bench;
create table bench.halt_commit (scope text, halted boolean, at timestamptz);
create table bench.page_commit (topic text, lane int, first_sequence bigint, last_sequence bigint, at timestamptz);
create function bench.note_halt() returns trigger language plpgsql security definer as $$
begin
    insert into bench.halt_commit values (coalesce(new.scope, old.scope), tg_op = 'INSERT', clock_timestamp());
    return null;
end $$;
create function bench.note_page() returns trigger language plpgsql security definer as $$
begin
    insert into bench.page_commit
    values (new.topic, new.lane, new.first_sequence, new.last_sequence, clock_timestamp());
    return null;
end $$;
create constraint trigger note_halt after insert or delete on payment.halt deferrable initially deferred for each row
    execute function bench.note_halt();
create constraint trigger note_page after insert on payment.page deferrable initially deferred for each row
    when (new.topic ^@ 'disbursements.') execute function bench.note_page();
grant usage on schema bench to public;
"""
HALT_COMMITS = "select scope, halted, extract(epoch from at)::float8 as at from bench.halt_commit order by at"
PAGE_COMMITS = """
select topic, lane, first_sequence, last_sequence, extract(epoch from at)::float8 as at from bench.page_commit
"""
WAVES = "select distinct wave from payment.funds order by wave"
SETTLED = "select count(*) from payment.disbursement where state = 'settled'"


@dataclass(slots=True)
class MeasuredHalt:
    """Halt of a scope between two commits, and the append of the last instruction to stop; times in seconds."""

    scope: str
    begun: float
    ended: float
    last: float

    def stops(self, topic: str, at: float) -> bool:
        return self.begun < at < self.ended and (self.scope not in PARTNERS or topic == disbursements(self.scope))


async def measure(harness: BenchmarkHarness) -> Result:
    """Offer journeys, halt and resume meanwhile, and time what leaves after each halt."""
    people = journeys(harness.seed, RATE * SECONDS)
    await harness.open_programme(len(people))
    await harness.connection.execute(COMMIT_TIMES)
    plan = await plan_sending(harness, people, RATE)
    begins = await ends_of(harness, [disbursements(partner) for partner in PARTNERS])
    halting = asyncio.create_task(_halt_in_turn(harness, until=time.monotonic() + SECONDS))
    _, late = await send(harness, plan, f"{RATE} journeys/s")
    await halting
    async with asyncio.timeout(DRAIN_WITHIN_SECONDS + SECONDS * 10):
        while await harness.connection.fetchval(SETTLED) < 2 * len(people):
            await asyncio.sleep(0.2)
    breaches = [*await harness.verify(), *differences(harness.ledgers(), people)]
    result = {
        "offered": RATE,
        **await _times(harness, begins),
        "journeys": len(people),
        "sent_late_at_most_ms": round(late * 1000, 1),
        **await harness.describe_environment(),
        "seconds": SECONDS,
    }
    result["invariants_hold"], result["breaches"] = not breaches, breaches
    result["goals"] = compare_with_goals(HALTS, result)
    return result


async def _halt_in_turn(harness: BenchmarkHarness, until: float) -> None:
    """Halt and resume one scope after the other, once the first instructions have been given."""
    payment_service = harness.installation.services["payment"]
    while await harness.connection.fetchval(SETTLED) == 0:
        await asyncio.sleep(0.1)
    waves = [row["wave"] for row in await harness.connection.fetch(WAVES)]
    scopes = [[], *(["--partner", partner] for partner in PARTNERS), *(["--wave", wave] for wave in waves)]
    for scope in itertools.cycle(scopes):
        for verb, seconds in (("halt", HALTED_SECONDS), ("resume", GOING_SECONDS)):
            done = await asyncio.to_thread(payment_service.run, verb, *scope, *BY)
            if done.returncode:
                raise RuntimeError(done.stderr)
            await asyncio.sleep(seconds)
        if time.monotonic() > until:
            return


async def _times(harness: BenchmarkHarness, begins: Mapping[TopicPartition, int]) -> Result:
    """Return the times from each halt to its last instruction in milliseconds, and the numbers of both."""
    halts = list(_halts(await harness.connection.fetch(HALT_COMMITS)))
    commits = {
        (row["topic"], row["lane"], sequence): row["at"]
        for row in await harness.connection.fetch(PAGE_COMMITS)
        for sequence in range(row["first_sequence"], row["last_sequence"] + 1)
    }
    instructions = left = committed_after = 0
    async for record, at in read_from(harness, begins):
        headers = dict(record.headers)
        if headers["ce_type"].decode() != INSTRUCTED:
            continue
        instructions += 1
        committed = commits[record.topic, record.partition, int(headers["ce_sequence"])]
        for halt in halts:
            if halt.stops(record.topic, at):
                halt.last = max(halt.last, at)
                left += 1
                committed_after += committed > halt.begun
    return {
        "halts": len(halts),
        "instructions": instructions,
        "left_after_a_halt": left,
        "committed_after_a_halt": committed_after,
        "after_the_halt": percentiles([halt.last - halt.begun for halt in halts]),
    }


def _halts(rows: Sequence[Record]) -> Iterator[MeasuredHalt]:
    """Yield each halt with the commit that ended it; one scope is halted at a time."""
    for begun, ended in zip(rows[::2], rows[1::2], strict=True):
        yield MeasuredHalt(begun["scope"], begun["at"], ended["at"], last=begun["at"])


if __name__ == "__main__":
    sys.exit(benchmark("halts", measure))
