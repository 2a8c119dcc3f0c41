"""Sweeps of enrollment over five million participants: `python -m tests.benchmarks.sweeps`.

The tables are filled on a Postgres of its own, without Kafka; transactions are those of the engine. A midnight in
Jakarta comes, at which one in 120 participants has a deadline, and intake goes on meanwhile. The share of a core counts
rounds in which nothing is due at the default interval, and one such midnight a day, the database included.

The environment may set PEOPLE, a multiple of 1,200.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import quantiles

import asyncpg
import psutil
from asyncpg import Connection

from deploy.local.postgres import Postgres
from services.enrollment import invariants
from shared.messaging.engine.plan import Retention
from shared.messaging.engine.sweep import sweep
from shared.messaging.engine.timers import engine_timers
from shared.messaging.transaction.session import EngineSession
from shared.messaging.transaction.subscription import Timer
from shared.messaging.transaction.transaction import Transaction
from tests.benchmarks.harness import Result, number_of, print_line, write_result
from tests.builders import Event, an_admission
from tests.infrastructure import PASSWORD, PostgresServer
from tests.integration.enrollment.harness import EVERY_LANE, EnrollmentHarness, create_harness

PEOPLE = number_of("PEOPLE", 5_000_040)
SWEEP_EVERY_SECONDS, SECONDS_OF_A_DAY = 5, 86_400
IDLE_ROUNDS, INTAKES = 20, 200
SHARE_AT_MOST = 0.05
# Admitted on 21 February and the days after; the first deadline passes on 8 March, 17:00 UTC.
ADMITTED_AT = datetime(2023, 2, 21, 3, tzinfo=UTC)
MIDNIGHT = datetime(2023, 3, 8, 17, tzinfo=UTC)
FILL = """
insert into wave (wave, scheme, quota, opens_at, closes_at, cut_off_at, admitted) values
    ('48', 'normal-2023', 100000000, '2023-02-17T12:00Z', '2023-06-30T12:00Z', '2023-12-31T17:00Z', {people});
insert into admission (participant_id, wave, lane, state, scheme, scheme_version, balance, regency, admitted_at,
                       decided_at, identity_index, content_digest)
select (4810000000000000 + n)::text, '48', n % 12, 'admitted', 'normal-2023', 3, 3500000, '3273', at, at,
       int8send(n), ''
from generate_series(1, {people}) n, lateral (select '{admitted_at}'::timestamptz + n / 12 % 120 * interval '1 day')
     as admitted (at);
-- One in twenty has bought nothing that stands, half of the others have completed their training.
insert into enrollment (redeem_code, participant_id, lane, state, reason, scheme, scheme_version, provider_id,
                        course_code, price, purchased_at, ends_at, decided_at, content_digest, completed_at, rated_at)
select lpad(n::text, 12, '0'), (4810000000000000 + n)::text, n % 12,
       case when none then 'rejected' else 'confirmed' end, case when none then 'hours_too_few' end,
       'normal-2023', 3, 'LP0001', 'C-0815', 1500000, at + interval '3 days', at + interval '5 days', at, '', done_at,
       done_at
from generate_series(1, {people}) n, lateral (select '{admitted_at}'::timestamptz + n / 12 % 120 * interval '1 day')
     as admitted (at), lateral (select n / 1440 % 20 = 0) as nothing (none),
     lateral (select case when n / 1440 % 2 = 1 and not none then at + interval '10 days' end) as done (done_at);
insert into purchase_deadline (due_at, lane, participant_ids)
select '{midnight}'::timestamptz + n / 12 % 120 * interval '1 day', n % 12, array_agg((4810000000000000 + n)::text)
from generate_series(1, {people}) n group by n / 12 % 120, n % 12, n / 144000;
analyze;
"""


async def measure(server: Postgres) -> Result:
    """Fill the tables, and measure rounds without and with deadlines that are due."""
    database = await PostgresServer(server.url(), server.restart).lend("enrollment")
    superuser = await asyncpg.connect(database.url, server_settings={"search_path": "enrollment"})
    began = time.monotonic()
    await superuser.execute(FILL.format(people=PEOPLE, admitted_at=ADMITTED_AT, midnight=MIDNIGHT))
    print_line(f"filled in {time.monotonic() - began:.0f} s")
    harness = await create_harness(database)
    other = await create_harness(database)
    harness.now = other.now = MIDNIGHT - timedelta(hours=1)
    figures = await _figures(server, harness, other)
    found = await superuser.fetchval("select count(*) from forfeit")
    breaches = await _breaches(superuser)  # Which no statement timeout bounds.
    breaches += [] if found else ["nothing was forfeited"]
    breaches += [] if figures["share_of_a_core"] < SHARE_AT_MOST else ["sweeps cost too much"]
    for connection in (harness.connection, other.connection, superuser):
        await connection.close()
    return {"people": PEOPLE, **figures, "forfeits": found, "invariants_hold": not breaches, "breaches": breaches}


async def _figures(server: Postgres, harness: EnrollmentHarness, other: EnrollmentHarness) -> Result:
    without = await _intake(harness)
    spent = _cpu_seconds(server)
    for _ in range(IDLE_ROUNDS):
        await _round(harness)
    idle = (_cpu_seconds(server) - spent) / IDLE_ROUNDS
    harness.now = MIDNIGHT
    due = await harness.connection.fetchval(
        "select sum(cardinality(participant_ids)) from purchase_deadline where due_at <= $1", MIDNIGHT
    )
    spent, began = _cpu_seconds(server), time.monotonic()
    await _round(harness)
    midnight, seconds = _cpu_seconds(server) - spent, time.monotonic() - began
    harness.now += timedelta(days=1)
    sweeping = asyncio.create_task(_round(harness))
    during = await _intake(harness, sweeping)
    await sweeping
    return {
        "due_at_a_midnight": due,
        "cpu_ms_per_idle_round": round(1000 * idle, 1),
        "cpu_seconds_per_midnight": round(midnight, 1),
        "seconds_per_midnight": round(seconds, 1),
        "cpu_us_per_due_participant": round(1_000_000 * midnight / due),
        "share_of_a_core": round(idle / SWEEP_EVERY_SECONDS + midnight / SECONDS_OF_A_DAY, 4),
        "intake_ms": without,
        "intake_ms_while_sweeping": during,
        "intake_ms_of_other_lanes_while_a_sweep_is_open": await _beside_an_open_sweep(harness, other),
    }


async def _round(harness: EnrollmentHarness) -> None:
    """Run all timers to the end of what is due, as the engine does."""
    retention = Retention(timedelta(days=42), timedelta(days=365))
    timers: Sequence[Timer] = (
        *engine_timers(harness.decoder, retention, harness.definition.causes),
        *harness.definition.timers,
    )
    for timer in timers:
        await sweep(harness.session, timer, sorted(EVERY_LANE), harness.now, harness.now, lambda _: None)


async def _intake(harness: EnrollmentHarness, during: asyncio.Task[None] | None = None) -> Result:
    """Return milliseconds in which a batch of one application commits, one after the other."""
    milliseconds: list[float] = []
    for admission in islice(_admissions(), INTAKES):
        if during is not None and during.done() and len(milliseconds) > 1:
            break
        began = time.monotonic()
        await harness.receive(admission)
        milliseconds.append(1000 * (time.monotonic() - began))
        await asyncio.sleep(0.01)
    cuts = quantiles(milliseconds, n=100)
    return {
        "batches": len(milliseconds),
        "p50": round(cuts[49], 1),
        "p99": round(cuts[98], 1),
        "max": round(max(milliseconds), 1),
    }


async def _beside_an_open_sweep(harness: EnrollmentHarness, other: EnrollmentHarness) -> float:
    """Return milliseconds in which another session commits while a sweep of the first one is open in other lanes."""
    admission = next(_admissions())
    lane = _lane_of(other, admission)
    swept, committed = asyncio.Event(), asyncio.Event()
    (timer,) = [one for one in harness.definition.timers if one.name == "forfeit_overdue"]

    async def body(tx: Transaction) -> None:
        await timer.sweep(tx, sorted(EVERY_LANE - {lane}))
        swept.set()
        await committed.wait()

    now = harness.now + timedelta(days=1)
    session: EngineSession = harness.session
    sweeping = asyncio.create_task(session.transact(EVERY_LANE - {lane}, body, now=now, watermark=now))
    await swept.wait()
    began = time.monotonic()
    async with asyncio.timeout(10):
        await other.receive(admission)
    milliseconds = 1000 * (time.monotonic() - began)
    committed.set()
    await sweeping
    return round(milliseconds, 1)


def _admissions() -> Iterator[Event]:
    while True:
        yield an_admission()


def _lane_of(harness: EnrollmentHarness, admission: Event) -> int:
    message = harness.decoder.decode(admission.record(), harness.now).message
    if message is None or message.lane is None:
        raise ValueError("an application has a lane")
    return message.lane


async def _breaches(connection: Connection) -> list[str]:
    return [
        *await invariants.balance_suffices(connection),
        *await invariants.balances_have_deadlines(connection),
        *await invariants.quota_holds(connection),
    ]


def _cpu_seconds(server: Postgres) -> float:
    """Return the processor time of this process and of the database."""
    if server.process is None:
        raise ValueError("the database has stopped")
    root = psutil.Process(server.process.pid)
    times = [one.cpu_times() for one in (root, *root.children(recursive=True))]
    return time.process_time() + sum(one.user + one.system for one in times)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="salur-sweeps-") as folder:
        server = Postgres(Path(folder), password=PASSWORD)
        server.start()
        try:
            result = asyncio.run(measure(server))
        finally:
            server.stop()
    write_result("sweeps", result)
    return 0 if result["invariants_hold"] else 1


if __name__ == "__main__":
    sys.exit(main())
