"""Time from a block to the last instruction to a blocked participant: `python -m tests.benchmarks.blocks`.

The load is that of `latency.py`, at one rate; one participant of ten is blocked, from half a second before to a second
and a half after the evidence that completes the training. No instruction is committed after the block's commit, which
`verify` shows by the ledger; what was committed before may still be on its way to the broker. Two times show how long:

- `after_the_block`: of blocked participants, from the commit of the block to the broker's append of the last
  instruction; 0 where that was before
- `on_the_way`: of all instructions, from their own commit to the append: a block may be committed at any moment
  in between

A commit is timed by a deferred trigger, a moment before Postgres has written it, so both are a little too long. In the
end the participants are unblocked, and everybody has to be paid once.

The environment may set RATE (journeys a second), SECONDS (of load) and SEED.
"""

import asyncio
import sys
from collections.abc import Iterator, Mapping

from aiokafka import TopicPartition

from deploy.simulation.delivery import OutgoingRecord, outgoing_record
from deploy.simulation.delivery import send as send_records
from deploy.simulation.load import journeys
from deploy.simulation.people import TIMELINE_ENDS_AT, Person
from deploy.simulation.timeline import SimulatedEvent
from shared.contracts import payment, upstream
from shared.contracts.topics import ENROLLMENT_REQUESTS, PARTNERS, disbursements
from shared.times import write_time
from tests.benchmarks.goals import BLOCKS, compare_with_goals
from tests.benchmarks.harness import BenchmarkHarness, Result, benchmark, differences, number_of
from tests.benchmarks.open_loop import TimedRecord, ends_of, percentiles, plan_sending, read_from, send

RATE, SECONDS = number_of("RATE", 300), number_of("SECONDS", 30)
BLOCKED_OF = 10
# Spread over the time in which a fee and an incentive are usually instructed.
BLOCK_TIMES = [number / 10 - 0.5 for number in range(21)]
DRAIN_WITHIN_SECONDS = 120.0
INSTRUCTED = payment.INSTRUCTION.name
COMMIT_TIMES = """
create schema bench;
create table bench.block_commit (participant_id text, at timestamptz);
create table bench.page_commit (topic text, lane int, first_sequence bigint, last_sequence bigint, at timestamptz);
create function bench.note_block() returns trigger language plpgsql security definer as $$
begin insert into bench.block_commit values (new.participant_id, clock_timestamp()); return null; end $$;
create function bench.note_page() returns trigger language plpgsql security definer as $$
begin
    insert into bench.page_commit
    values (new.topic, new.lane, new.first_sequence, new.last_sequence, clock_timestamp());
    return null;
end $$;
create constraint trigger note_block after insert on payment.block deferrable initially deferred for each row
    execute function bench.note_block();
create constraint trigger note_page after insert on payment.page deferrable initially deferred for each row
    when (new.topic ^@ 'disbursements.') execute function bench.note_page();
grant usage on schema bench to public;
"""
PAYEES = """
select a.reference, d.participant_id
from payment.attempt a join payment.disbursement d on (d.redeem_code, d.benefit) = (a.redeem_code, a.benefit)
"""
BLOCK_COMMITS = "select participant_id, extract(epoch from at)::float8 as at from bench.block_commit"
PAGE_COMMITS = """
select topic, lane, first_sequence, last_sequence, extract(epoch from at)::float8 as at from bench.page_commit
"""
SETTLED = "select count(*) from payment.disbursement where state = 'settled'"
SETTLED_OR_BLOCKED = f"{SETTLED} or reason = 'participant_blocked'"


async def measure(harness: BenchmarkHarness) -> Result:
    """Offer journeys and blocks, time what leaves after a block, and unblock everybody."""
    people = journeys(harness.seed, RATE * SECONDS)
    await harness.open_programme(len(people))
    await harness.connection.execute(COMMIT_TIMES)
    plan = await plan_sending(harness, people, RATE, _blocks)
    begins = await ends_of(harness, [disbursements(partner) for partner in PARTNERS])
    begun, late = await send(harness, plan, f"{RATE} journeys/s")
    await _until(harness, SETTLED_OR_BLOCKED, 2 * len(people))
    figures = await _times(harness, begins)
    breaches = await harness.verify()
    blocked = people[::BLOCKED_OF]
    figures["sent_to_commit"] = await _times_to_commit(harness, plan.due, begun, blocked)
    await send_records(harness.producer, [_request(person, blocked=False) for person in blocked])
    await _until(harness, SETTLED, 2 * len(people))
    breaches += [*await harness.verify(), *differences(harness.ledgers(), people)]
    result = {
        "offered": RATE,
        **figures,
        "journeys": len(people),
        "sent_late_at_most_ms": round(late * 1000, 1),
        **await harness.describe_environment(),
        "seconds": SECONDS,
    }
    result["invariants_hold"], result["breaches"] = not breaches, breaches
    result["goals"] = compare_with_goals(BLOCKS, result)
    return result


def _blocks(number: int, person: Person) -> Iterator[TimedRecord]:
    if number % BLOCKED_OF == 0:
        yield _block_time(number), _request(person, blocked=True)


def _block_time(number: int) -> float:
    return BLOCK_TIMES[number // BLOCKED_OF % len(BLOCK_TIMES)]


def _request(person: Person, *, blocked: bool) -> OutgoingRecord:
    """Return the record that blocks or unblocks a person."""
    event, at = (upstream.PARTICIPANT_BLOCKED, 0) if blocked else (upstream.PARTICIPANT_UNBLOCKED, 1)
    time = TIMELINE_ENDS_AT.replace(second=at)
    data = {
        "participant_id": person.participant_id,
        "reason": "measured",
        str(event.time_field): write_time(time),
    }
    return outgoing_record(
        SimulatedEvent(ENROLLMENT_REQUESTS, "/registration", event.name, person.participant_id, data, time)
    )


async def _until(harness: BenchmarkHarness, query: str, wanted: int) -> None:
    """Wait until a count is reached; raise TimeoutError if it is not."""
    async with asyncio.timeout(DRAIN_WITHIN_SECONDS + SECONDS * 10):
        while await harness.connection.fetchval(query) < wanted:
            await asyncio.sleep(0.2)


async def _times(harness: BenchmarkHarness, begins: Mapping[TopicPartition, int]) -> Result:
    """Return both times in milliseconds, and the number of blocks and of instructions after one."""
    payees = {row["reference"]: row["participant_id"] for row in await harness.connection.fetch(PAYEES)}
    blocks = {row["participant_id"]: row["at"] for row in await harness.connection.fetch(BLOCK_COMMITS)}
    commits = {
        (row["topic"], row["lane"], sequence): row["at"]
        for row in await harness.connection.fetch(PAGE_COMMITS)
        for sequence in range(row["first_sequence"], row["last_sequence"] + 1)
    }
    on_the_way: list[float] = []
    after = dict.fromkeys(blocks, 0.0)
    left = 0
    async for record, at in read_from(harness, begins):
        headers = dict(record.headers)
        if headers["ce_type"].decode() != INSTRUCTED:
            continue
        on_the_way.append(max(0.0, at - commits[record.topic, record.partition, int(headers["ce_sequence"])]))
        participant = payees[record.key.decode()]
        if participant in blocks and at > blocks[participant]:
            after[participant] = max(after[participant], at - blocks[participant])
            left += 1
    return {
        "blocks": len(blocks),
        "instructions": len(on_the_way),
        "left_after_a_block": left,
        "after_the_block": percentiles(list(after.values())),
        "on_the_way": percentiles(on_the_way),
    }


async def _times_to_commit(
    harness: BenchmarkHarness, due: Mapping[str, float], begun: float, blocked: list[Person]
) -> dict[str, float]:
    """Return the time from the sending of a block to its commit in payment."""
    commits = {row["participant_id"]: row["at"] for row in await harness.connection.fetch(BLOCK_COMMITS)}
    return percentiles(
        [
            commits[person.participant_id] - begun - due[person.redeem_code] - _block_time(number * BLOCKED_OF)
            for number, person in enumerate(blocked)
        ]
    )


if __name__ == "__main__":
    sys.exit(benchmark("blocks", measure))
