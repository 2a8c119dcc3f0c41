"""Sweeps of deadlines over five million rows, for enrollment and for completion: `python -m tests.benchmarks.sweeps`.

The tables are filled on a Postgres of its own, without Kafka; transactions are those of the engine. A midnight in
Jakarta comes, at which one in 120 has a deadline, and intake goes on meanwhile. The share of a core counts rounds in
which nothing is due at the default interval, and one such midnight a day, the database included.

The environment may set PEOPLE, a multiple of 1,200, and SERVICE, to measure one of the two.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from itertools import islice
from pathlib import Path
from statistics import quantiles
from typing import Any

import asyncpg
import psutil

from deploy.local.postgres import Postgres
from shared.contracts.topics import lane_of
from shared.messaging.engine.plan import Retention
from shared.messaging.engine.sweep import sweep
from shared.messaging.engine.timers import END_CATCHING_UP, engine_timers
from shared.messaging.transaction.session import EngineSession
from shared.messaging.transaction.subscription import Timer
from shared.messaging.transaction.transaction import Transaction
from tests.benchmarks.harness import Result, number_of, print_line, write_result
from tests.benchmarks.swept_services import SWEPT, SweptService
from tests.infrastructure import PASSWORD, PostgresServer
from tests.integration.enrollment.harness import EVERY_LANE

PEOPLE = number_of("PEOPLE", 5_000_040)
SWEEP_EVERY_SECONDS, SECONDS_OF_A_DAY = 5, 86_400
IDLE_ROUNDS, INTAKES = 20, 200
SHARE_AT_MOST = 0.05


async def measure(server: Postgres, swept: SweptService) -> Result:
    """Fill the tables, and measure rounds without and with deadlines that are due."""
    database = await PostgresServer(server.url(), server.restart).lend(swept.service)
    superuser = await asyncpg.connect(database.url, server_settings={"search_path": swept.service})
    harness, other = await swept.create_harness(database), await swept.create_harness(database)
    began = time.monotonic()
    await swept.fill(superuser, harness, PEOPLE)
    print_line(f"{swept.service}: filled in {time.monotonic() - began:.0f} s")
    harness.now = other.now = swept.midnight - timedelta(hours=1)
    figures = await _figures(server, swept, harness, other)
    found = await superuser.fetchval(swept.outcomes)
    breaches = await swept.breaches(superuser)  # Which no statement timeout bounds.
    breaches += [] if found else ["no deadline had a consequence"]
    breaches += [] if figures["share_of_a_core"] < SHARE_AT_MOST else ["sweeps cost too much"]
    for connection in (harness.connection, other.connection, superuser):
        await connection.close()
    return {**figures, "outcomes": found, "breaches": breaches}


async def _figures(server: Postgres, swept: SweptService, harness: Any, other: Any) -> Result:
    without = await _intake(swept, harness)
    spent = _cpu_seconds(server)
    for _ in range(IDLE_ROUNDS):
        await _round(swept, harness)
    idle = (_cpu_seconds(server) - spent) / IDLE_ROUNDS
    harness.now = swept.midnight
    due = await harness.connection.fetchval(swept.due, swept.midnight)
    spent, began = _cpu_seconds(server), time.monotonic()
    await _round(swept, harness)
    midnight, seconds = _cpu_seconds(server) - spent, time.monotonic() - began
    harness.now += timedelta(days=1)
    sweeping = asyncio.create_task(_round(swept, harness))
    during = await _intake(swept, harness, sweeping)
    await sweeping
    return {
        "due_at_a_midnight": due,
        "cpu_ms_per_idle_round": round(1000 * idle, 1),
        "cpu_seconds_per_midnight": round(midnight, 1),
        "seconds_per_midnight": round(seconds, 1),
        "cpu_us_per_due": round(1_000_000 * midnight / due),
        "share_of_a_core": round(idle / SWEEP_EVERY_SECONDS + midnight / SECONDS_OF_A_DAY, 4),
        "intake_ms": without,
        "intake_ms_while_sweeping": during,
        "intake_ms_of_other_lanes_while_a_sweep_is_open": await _beside_an_open_sweep(swept, harness, other),
    }


async def _round(swept: SweptService, harness: Any) -> None:
    """Run all timers to the end of what is due, as the engine does."""
    retention = Retention(timedelta(days=42), timedelta(days=365))
    timers: Sequence[Timer] = (
        *engine_timers(harness.decoder, retention, swept.definition.causes),
        *swept.definition.timers,
        END_CATCHING_UP,
    )
    for timer in timers:
        await sweep(harness.session, timer, sorted(EVERY_LANE), harness.now, harness.now, lambda _: None)


async def _intake(swept: SweptService, harness: Any, during: asyncio.Task[None] | None = None) -> Result:
    """Return milliseconds in which a batch of one record commits, one after the other."""
    milliseconds: list[float] = []
    for event in islice(swept.intake(), INTAKES):
        if during is not None and during.done() and len(milliseconds) > 1:
            break
        began = time.monotonic()
        await harness.receive(event)
        milliseconds.append(1000 * (time.monotonic() - began))
        await asyncio.sleep(0.01)
    cuts = quantiles(milliseconds, n=100)
    return {
        "batches": len(milliseconds),
        "p50": round(cuts[49], 1),
        "p99": round(cuts[98], 1),
        "max": round(max(milliseconds), 1),
    }


async def _beside_an_open_sweep(swept: SweptService, harness: Any, other: Any) -> float:
    """Return milliseconds in which another session commits while a sweep of the first one is open in other lanes."""
    event = next(swept.intake())
    lane = lane_of(event.data["participant_id"])
    begun, committed = asyncio.Event(), asyncio.Event()
    (timer,) = [one for one in swept.definition.timers if one.name == swept.timer]

    async def body(tx: Transaction) -> None:
        await timer.sweep(tx, sorted(EVERY_LANE - {lane}))
        begun.set()
        await committed.wait()

    now = harness.now + timedelta(days=1)
    session: EngineSession = harness.session
    sweeping = asyncio.create_task(session.transact(EVERY_LANE - {lane}, body, now=now, watermark=now))
    await begun.wait()
    began = time.monotonic()
    async with asyncio.timeout(10):
        await other.receive(event)
    milliseconds = 1000 * (time.monotonic() - began)
    committed.set()
    await sweeping
    return round(milliseconds, 1)


def _cpu_seconds(server: Postgres) -> float:
    """Return the processor time of this process and of the database."""
    if server.process is None:
        raise ValueError("the database has stopped")
    root = psutil.Process(server.process.pid)
    times = [one.cpu_times() for one in (root, *root.children(recursive=True))]
    return time.process_time() + sum(one.user + one.system for one in times)


def main() -> int:
    only = os.environ.get("SERVICE")
    results: Result = {}
    for swept in SWEPT:
        if only in (None, swept.service):
            results[swept.service] = _measure_on_its_own(swept)
    holds = not any(result["breaches"] for result in results.values())
    write_result("sweeps", {"people": PEOPLE, **results, "invariants_hold": holds})
    return 0 if holds else 1


def _measure_on_its_own(swept: SweptService) -> Result:
    with tempfile.TemporaryDirectory(prefix="salur-sweeps-") as folder:
        server = Postgres(Path(folder), password=PASSWORD)
        server.start()
        try:
            return asyncio.run(measure(server, swept))
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
