"""Limits of partners: rate, in flight, and money a day; none is exceeded, and the oldest goes first over all lanes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.payment.handlers.halts import halt, resume
from tests.builders import LATER, a_provider, funds
from tests.infrastructure import Database, PostgresServer
from tests.integration.payment.facts import code_of, fee_due
from tests.integration.payment.harness import PaymentHarness, Restored, create_harness

MILLION = 1_000_000
LANES = (2, 5, 9)


async def limited(database: Database, **limits: int) -> PaymentHarness:
    """Open a harness in which the partner of all fees has limits, with the fees of six minutes due in three lanes."""
    harness = await create_harness(database, partner_limits={"bni": limits})
    await harness.receive(a_provider(), funds("48", "training", rupiah=10_000 * MILLION))
    for number in range(6):
        harness.now = LATER + timedelta(minutes=number)
        await harness.receive(*fee_due(LANES[number % 3], number, MILLION))
    return harness


async def paid(harness: PaymentHarness) -> list[int]:
    rows = await harness.connection.fetch("select redeem_code from disbursement where state <> 'held' order by 1")
    return [int(row["redeem_code"].removeprefix("PRAT")) for row in rows]


async def sweep(harness: PaymentHarness) -> None:
    """Sweep each lane on its own, the lane of the oldest last, and then once more."""
    for lane in (*reversed(LANES), *reversed(LANES), *reversed(LANES)):
        await harness.sweep(lanes=[lane])


@pytest.mark.parametrize("limits", [{"in_flight": 2}, {"rupiah_per_day": 2 * MILLION + 999_999}])
async def test_a_limit_lets_the_oldest_go_first_over_all_lanes(database: Database, limits: dict[str, int]) -> None:
    harness = await limited(database, **limits)
    assert await paid(harness) == []
    assert await harness.state("fee", code_of(5)) == "held(partner_paused)"
    await sweep(harness)
    assert await paid(harness) == [0, 1]
    await sweep(harness)
    assert await paid(harness) == [0, 1]
    assert await harness.breaches() == []
    await harness.connection.close()


async def test_a_final_report_makes_room_in_flight(database: Database) -> None:
    harness = await limited(database, in_flight=1)
    await sweep(harness)
    first = harness.instructions_for("fee")[0].reference
    await harness.report(first, "accepted")
    await sweep(harness)
    assert await paid(harness) == [0]
    await harness.report(first, "settled")
    await sweep(harness)
    assert await paid(harness) == [0, 1]
    await harness.connection.close()


async def test_a_new_day_of_jakarta_makes_room_for_money(database: Database) -> None:
    harness = await limited(database, rupiah_per_day=2 * MILLION)
    await sweep(harness)
    midnight = harness.now.replace(hour=17, minute=0, second=0, microsecond=0)
    midnight += timedelta(days=midnight <= harness.now)
    harness.now = midnight - timedelta(seconds=1)
    await sweep(harness)
    assert await paid(harness) == [0, 1]
    harness.now = midnight
    await sweep(harness)
    assert await paid(harness) == [0, 1, 2, 3]
    await harness.connection.close()


async def test_a_rate_is_kept_whatever_was_saved_up(database: Database) -> None:
    harness = await create_harness(database, partner_limits={"bni": {"per_second": 1}})
    await harness.receive(a_provider(), funds("48", "training", rupiah=10_000 * MILLION))
    await harness.receive(*(fact for number in range(30) for fact in fee_due(LANES[number % 3], number, MILLION)))
    await sweep(harness)
    counts = [len(await paid(harness))]
    for seconds in (1, 2, 60, 1):
        harness.now += timedelta(seconds=seconds)
        await sweep(harness)
        counts.append(len(await paid(harness)))
    assert counts == [0, 1, 3, 13, 14]
    assert await harness.breaches() == []
    await harness.connection.close()


async def test_one_larger_than_a_days_limit_keeps_no_other_waiting(database: Database) -> None:
    harness = await create_harness(database, partner_limits={"bni": {"rupiah_per_day": MILLION}})
    await harness.receive(a_provider(), funds("48", "training", rupiah=10_000 * MILLION))
    await harness.receive(*fee_due(2, 0, MILLION + 1), *fee_due(5, 1, MILLION))
    await sweep(harness)
    assert await paid(harness) == [1]
    await harness.connection.close()


async def test_what_has_another_obstacle_takes_no_room(database: Database) -> None:
    harness = await limited(database, in_flight=2)
    await harness.operate(halt, "bni")
    await sweep(harness)
    assert await harness.state("fee", code_of(0)) == "held(halted)"
    await harness.operate(resume, "bni")
    await harness.sweep("release")
    await sweep(harness)
    assert await paid(harness) == [0, 1]
    await harness.connection.close()


async def test_a_temporary_rejection_is_tried_again_within_the_limit(database: Database) -> None:
    harness = await limited(database, in_flight=1)
    await sweep(harness)
    await harness.report(harness.instructions_for("fee")[0].reference, "rejected", "AB08")
    assert await harness.state("fee", code_of(0)) == "held(partner_paused)"
    await sweep(harness)
    assert len(harness.instructions_for("fee")) == 2
    harness.now += timedelta(hours=2)
    await sweep(harness)
    assert len(harness.instructions_for("fee")) == 2
    await harness.report(harness.instructions_for("fee")[1].reference, "settled")
    await sweep(harness)
    assert len(harness.instructions_for("fee")) == 3
    assert await harness.state("fee", code_of(0)) == "instructed"
    assert await harness.breaches() == []
    await harness.connection.close()


async def test_without_a_limit_what_waited_for_room_is_paid(database: Database) -> None:
    harness = await limited(database, in_flight=1)
    await harness.connection.close()
    unlimited = await create_harness(database)
    await sweep(unlimited)
    assert await paid(unlimited) == [0, 1, 2, 3, 4, 5]
    await unlimited.connection.close()


async def test_two_processes_together_keep_a_limit(database: Database) -> None:
    """Both sweep at the same time, each in its own lanes and session."""
    harness = await limited(database, in_flight=3)
    other = await create_harness(database, partner_limits={"bni": {"in_flight": 3}})
    other.now = harness.now
    for _ in range(3):
        await asyncio.gather(harness.sweep("drain", lanes=[2, 5]), other.sweep("drain", lanes=[9]))
    assert await paid(harness) == [0, 1, 2]
    assert await harness.breaches() == []
    await other.connection.close()
    await harness.connection.close()


async def test_what_was_instructed_before_a_restore_has_taken_its_room(restored_at_a_limit: Restored) -> None:
    """It is repeated without room, whatever the database of before had waiting; nothing else takes the room."""
    before, after = restored_at_a_limit.before, restored_at_a_limit.after
    first = [i.reference for i in before.instructions_for("fee")]
    after.now += timedelta(seconds=2)
    await sweep(after)
    assert sorted(i.reference for i in after.instructions_for("fee")) == sorted(first)
    assert await paid(after) == [0, 1]
    assert await after.connection.fetchval("select rupiah from partner_use") == 2 * MILLION
    assert await after.breaches() == []


async def test_what_waits_for_money_keeps_its_place_at_a_limited_partner(database: Database) -> None:
    """The oldest is too large for what money there is; while it waits, nothing goes to and fro."""
    harness = await create_harness(database, partner_limits={"bni": {"in_flight": 10}})
    await harness.receive(a_provider(), funds("48", "training", rupiah=2 * MILLION))
    await harness.receive(*fee_due(2, 0, 5 * MILLION), *fee_due(5, 1, MILLION))
    await harness.sweep()
    before = harness.event_names("fee")
    await sweep(harness)
    assert (await paid(harness), harness.event_names("fee")) == ([], before)
    assert await harness.state("fee", code_of(0)) == "held(no_funds)"
    await harness.receive(funds("48", "training", rupiah=4 * MILLION))
    await sweep(harness)
    assert await paid(harness) == [0, 1]
    assert await harness.breaches() == []
    await harness.connection.close()


@pytest.fixture(params=[{"in_flight": 2}, {"rupiah_per_day": 2 * MILLION}, {"per_second": 1}], ids=str)
async def restored_at_a_limit(
    database: Database, postgres: PostgresServer, request: pytest.FixtureRequest
) -> AsyncIterator[Restored]:
    """Instruct up to a limit, and go back to a backup in which all of it waits for room."""
    other = await postgres.lend("payment")
    before, after = await limited(database, **request.param), await limited(other, **request.param)
    await sweep(before)
    before.now += timedelta(seconds=2)
    await sweep(before)
    assert await paid(before) == [0, 1]
    if "per_second" in request.param:
        await sweep(after)
    await after.adopt(before.pages)
    await after.adopt(before.pages)
    yield Restored(before, after)
    await before.connection.close()
    await after.connection.close()
    await postgres.take_back(other)
