"""Age: while money is short the oldest is paid first, in whatever lane, and no lane waits for another."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from services.payment import timers
from services.payment.handlers.halts import halt, resume
from services.payment.payout import queue
from tests.builders import LATER, a_provider, funds
from tests.infrastructure import Database
from tests.integration.payment.facts import (
    INCENTIVE,
    code_of,
    completed,
    confirmed,
    fee_due,
    journey,
    linked,
    of_lane,
    rated,
)
from tests.integration.payment.harness import PaymentHarness, create_harness

MILLION = 1_000_000
LANES = (2, 5, 9)


async def due(harness: PaymentHarness, number: int, lane: int, amount: int, *, minute: int | None = None) -> None:
    """Make a fee fall due some minutes later; its number is its age, unless given otherwise."""
    harness.now = LATER + timedelta(minutes=number if minute is None else minute)
    await harness.receive(*fee_due(lane, number, amount))


async def come(harness: PaymentHarness, rupiah: int, lanes: Sequence[int] = LANES) -> None:
    """Appropriate money and sweep each lane on its own, as if each had a process of its own."""
    await harness.receive(funds("48", "training", rupiah=rupiah))
    await sweep(harness, lanes)


async def sweep(harness: PaymentHarness, lanes: Sequence[int] = LANES) -> None:
    for lane in lanes:
        await harness.sweep(lanes=[lane])


async def paid(harness: PaymentHarness) -> list[int]:
    """Return the numbers of the instructed fees, in order of age."""
    rows = await harness.connection.fetch(
        "select redeem_code from disbursement where state <> 'held' order by redeem_code, benefit"
    )
    return [int(row["redeem_code"].removeprefix("PRAT")) for row in rows]


async def short(harness: PaymentHarness) -> list[str]:
    return [row["component"] for row in await harness.connection.fetch("select component from funds where short")]


async def test_oldest_is_paid_first_whatever_its_lane_and_amount(harness: PaymentHarness) -> None:
    """The money would cover the third at once; the second would wait for ever."""
    await harness.receive(a_provider())
    for number, amount in enumerate((2_000_000, 1_800_000, 1_700_000, 1_000_000, 1_000_000, 900_000)):
        await due(harness, number, LANES[number % 3], amount)
    youngest_first = tuple(reversed(LANES))
    await come(harness, 1_700_000, youngest_first)
    assert await paid(harness) == []
    await come(harness, 300_000, youngest_first)
    assert await paid(harness) == [0]
    await come(harness, 1_800_000, youngest_first)
    assert await paid(harness) == [0, 1]
    await come(harness, 10 * MILLION, youngest_first)
    assert (await paid(harness), await short(harness)) == ([0, 1, 2, 3, 4, 5], [])


async def test_a_lane_pays_its_own_only_when_all_older_ones_are_covered(harness: PaymentHarness) -> None:
    """The lane of the oldest does not sweep: its money is kept for it, and the rest goes to the next."""
    await harness.receive(a_provider())
    for number, lane in enumerate((2, 5, 5)):
        await due(harness, number, lane, MILLION)
    await come(harness, MILLION, lanes=[5])
    assert await paid(harness) == []
    await come(harness, MILLION, lanes=[5])
    assert (await paid(harness), await short(harness)) == ([1], ["training"])
    await sweep(harness, [2])
    assert await paid(harness) == [0, 1]


async def test_younger_one_is_not_paid_from_its_lanes_allotment_first(database: Database) -> None:
    """The allotment of the younger one's lane suffices, and the older one needs all that is left."""
    harness = await create_harness(database, draw_rupiah=5 * MILLION)
    await harness.receive(a_provider(), funds("48", "training", rupiah=6 * MILLION))
    await due(harness, 0, 2, MILLION)
    await due(harness, 1, 5, 5 * MILLION)
    await due(harness, 2, 2, MILLION)
    assert await paid(harness) == [0]
    await sweep(harness, [2])
    assert await paid(harness) == [0]
    await sweep(harness, [5])
    assert await paid(harness) == [0, 1]
    await harness.connection.close()


async def test_oldest_of_a_batch_is_paid_from_all_allotments_of_its_lanes(database: Database) -> None:
    """One batch, two lanes: the allotment of the younger one's lane goes to the older one first."""
    harness = await create_harness(database, draw_rupiah=3 * MILLION)
    await harness.receive(a_provider(), funds("48", "training", rupiah=3 * MILLION))
    await due(harness, 0, 9, MILLION)
    harness.now += timedelta(minutes=9)
    await harness.receive(*fee_due(9, 2, MILLION), *fee_due(2, 1, 2 * MILLION))
    assert (await paid(harness), await short(harness)) == ([0, 1], ["training"])
    assert await harness.breaches() == []
    await harness.connection.close()


@pytest.mark.parametrize(("minute", "goes"), [(1, [9]), (30, [0])])
async def test_a_newcomer_takes_its_place_by_age(harness: PaymentHarness, minute: int, goes: list[int]) -> None:
    """The time at which it fell due decides, not the time at which it came."""
    await harness.receive(a_provider())
    await due(harness, 0, 2, 2 * MILLION, minute=20)
    await due(harness, 9, 5, 2 * MILLION, minute=minute)
    await come(harness, 2 * MILLION)
    assert await paid(harness) == goes


async def test_a_newcomer_for_whom_the_money_lasts_need_not_wait(harness: PaymentHarness) -> None:
    """Money of an older one is kept for it while its lane stands still, and delays no other."""
    await harness.receive(a_provider())
    await due(harness, 0, 2, MILLION)
    await harness.receive(funds("48", "training", rupiah=2 * MILLION))
    await due(harness, 1, 5, MILLION)
    await due(harness, 2, 5, MILLION)
    assert await paid(harness) == [1]
    await sweep(harness)
    assert await paid(harness) == [0, 1]


async def test_money_allotted_to_a_stopped_lane_serves_the_queue(database: Database) -> None:
    """Any sweep withdraws it, into the ledger of the funds: only the owner of a lane writes that lane's ledger."""
    harness = await create_harness(database, draw_rupiah=10 * MILLION)
    await harness.receive(a_provider(), funds("48", "training", rupiah=10 * MILLION))
    await due(harness, 0, 2, MILLION)
    await due(harness, 1, 5, 9 * MILLION)
    query = "select coalesce(max(number), 0) from transfer where lane = $1"
    before = await harness.connection.fetchval(query, 2)
    await sweep(harness, [5])
    assert (await paid(harness), await short(harness)) == ([0, 1], [])
    assert await harness.connection.fetchval(query, 2) == before
    assert await harness.connection.fetchval(query, -2) == 1
    assert await harness.balance("appropriation") + await harness.balance("reserved:training") == 0
    assert await harness.breaches() == []
    await harness.connection.close()


async def test_money_that_a_partner_rejects_goes_to_the_oldest(harness: PaymentHarness) -> None:
    await harness.receive(a_provider(), funds("48", "training", rupiah=2 * MILLION))
    await due(harness, 0, 2, 2 * MILLION)
    await due(harness, 1, 5, 2 * MILLION)
    await due(harness, 2, 2, MILLION)
    await harness.report(harness.instructions_for("fee")[0].reference, "rejected", "MD07")
    await due(harness, 3, 2, MILLION)
    assert await paid(harness) == [0]
    await sweep(harness)
    assert (await paid(harness), await harness.state("fee", code_of(0))) == ([0, 1], "failed")


async def test_a_rejection_that_can_be_cured_comes_back_by_its_age(harness: PaymentHarness) -> None:
    await harness.receive(a_provider(), funds("48", "training", rupiah=2 * MILLION))
    await due(harness, 0, 2, 2 * MILLION)
    await due(harness, 1, 5, 2 * MILLION)
    await harness.report(harness.instructions_for("fee")[0].reference, "rejected", "AC04")
    await harness.receive(a_provider(version=2))
    await sweep(harness, [2, 5])
    assert await paid(harness) == [0]
    assert len(harness.instructions) == 2


async def test_disbursement_released_from_another_hold_joins_the_queue_by_age(database: Database) -> None:
    """A linked account, the end of a halt, an approval: each precedes a younger one that waits already."""
    harness = await create_harness(database, approval_above_rupiah=INCENTIVE)
    await harness.receive(a_provider())
    people = [of_lane(lane, number) for number, lane in enumerate((2, 5, 9, 2))]
    await harness.operate(halt, "dana")
    for number, person in enumerate(people):
        harness.now = LATER + timedelta(minutes=number)
        amount = INCENTIVE + (number == 2)
        account = {1: [linked(person, partner="dana")], 0: []}.get(number, [linked(person)])
        code = code_of(number)
        facts = [*account, confirmed(person, code, incentive=amount), completed(person, code), rated(person, code)]
        await harness.receive(*facts)
    reasons = [await harness.state("incentive_1", code_of(number)) for number in range(4)]
    assert reasons == ["held(no_account)", "held(halted)", "held(needs_approval)", "held(no_funds)"]
    await harness.receive(linked(people[0]))
    await harness.operate(resume, "dana")
    await harness.approve(code_of(2), "incentive_1")
    await sweep(harness)
    assert [await harness.state("incentive_1", code_of(number)) for number in range(4)] == ["held(no_funds)"] * 4
    for expected in ([0], [0, 1], [0, 1, 2], [0, 1, 2, 3]):
        rupiah = INCENTIVE + (expected[-1] == 2)
        await harness.receive(funds("48", "incentive", rupiah=rupiah))
        await sweep(harness, (9, 5, 2))
        assert await paid(harness) == expected
    assert await harness.breaches() == []
    await harness.connection.close()


async def test_disbursement_held_for_another_reason_at_its_turn_leaves_the_queue(harness: PaymentHarness) -> None:
    """The partner of the oldest is halted meanwhile: the next is paid, and the oldest returns by its age."""
    people = [of_lane(lane, number) for number, lane in enumerate((2, 5, 9))]
    for number, person in enumerate(people):
        harness.now = LATER + timedelta(minutes=number)
        account = linked(person, partner="gopay" if number else "dana")
        await harness.receive(account, *journey(person, code_of(number))[1:])
    await harness.operate(halt, "dana")
    await harness.receive(funds("48", "incentive", rupiah=INCENTIVE))
    await sweep(harness, (2, 5, 9))
    assert (await paid(harness), await harness.state("incentive_1", code_of(0))) == ([1], "held(halted)")
    await harness.operate(resume, "dana")
    await sweep(harness)
    await harness.receive(funds("48", "incentive", rupiah=INCENTIVE))
    await sweep(harness, (9, 5, 2))
    assert (await paid(harness), await short(harness)) == ([0, 1], ["incentive"])


@pytest.mark.parametrize("scope", ["wave:48", "all"])
async def test_what_waits_for_money_keeps_its_place_through_a_halt(harness: PaymentHarness, scope: str) -> None:
    """A younger one, of a lane that sweeps first, overtakes nothing when the halt ends."""
    await harness.receive(a_provider())
    await due(harness, 0, 2, MILLION)
    await due(harness, 1, 5, MILLION)
    await harness.operate(halt, scope)
    await due(harness, 2, 9, MILLION)
    await come(harness, MILLION, lanes=(9, 5, 2))
    assert await paid(harness) == []
    await harness.operate(resume, scope)
    await sweep(harness, (9, 5, 2))
    await sweep(harness, (9, 5, 2))
    assert await paid(harness) == [0]
    for expected in ([0, 1], [0, 1, 2]):
        await come(harness, MILLION, lanes=(9, 5, 2))
        assert await paid(harness) == expected
    assert await short(harness) == []
    assert await harness.breaches() == []


@pytest.mark.parametrize("obstacle", ["halted", "account_unverified"])
async def test_no_payment_waits_behind_one_held_for_another_reason(harness: PaymentHarness, obstacle: str) -> None:
    """The money does not cover the oldest, which could not be paid anyhow; it returns by its age."""
    people = [of_lane(lane, number) for number, lane in enumerate((2, 5))]
    for number, person in enumerate(people):
        harness.now = LATER + timedelta(minutes=number)
        account = linked(person, partner="gopay" if number else "dana")
        amount = INCENTIVE if number else 2 * INCENTIVE
        await harness.receive(account, *journey(person, code_of(number), incentive=amount)[1:])
    if obstacle == "halted":
        await harness.operate(halt, "dana")
    else:
        await harness.receive(linked(people[0], partner="dana", day=1, verified=False))
    await harness.receive(funds("48", "incentive", rupiah=2 * INCENTIVE - 1))
    await sweep(harness, (5, 2, 5))
    assert (await paid(harness), await harness.state("incentive_1", code_of(0))) == ([1], f"held({obstacle})")
    if obstacle == "halted":
        await harness.operate(resume, "dana")
    else:
        await harness.receive(linked(people[0], partner="dana", day=2))
    await sweep(harness)
    assert await harness.state("incentive_1", code_of(0)) == "held(no_funds)"
    await harness.receive(funds("48", "incentive", rupiah=INCENTIVE + 1))
    await sweep(harness)
    assert (await paid(harness), await short(harness)) == ([0, 1], [])
    assert await harness.breaches() == []


async def test_shortage_flag_falls_when_the_last_one_leaves_the_queue(harness: PaymentHarness) -> None:
    """Its partner was halted while it waited, so it leaves unpaid."""
    await harness.receive(a_provider())
    await due(harness, 0, 2, MILLION)
    assert await short(harness) == ["training"]
    await harness.operate(halt, "bni")
    await come(harness, MILLION)
    assert (await harness.state("fee"), await short(harness)) == ("held(halted)", [])


async def test_when_the_queue_is_empty_lanes_draw_blocks_again(harness: PaymentHarness) -> None:
    await harness.receive(a_provider())
    await due(harness, 0, 2, MILLION)
    await come(harness, 1000 * MILLION)
    asked: list[str] = []
    harness.session.connection.add_query_logger(lambda query: asked.append(query.query))
    await due(harness, 1, 5, MILLION)
    assert any("for update of f" in query for query in asked)
    asked.clear()
    await due(harness, 2, 5, MILLION)
    assert not any("for update of f" in query for query in asked)
    assert await harness.balance("reserved:training") == 98 * MILLION


async def test_each_wave_and_component_has_a_queue_of_its_own(harness: PaymentHarness) -> None:
    await harness.receive(a_provider(), funds("49", "training", rupiah=MILLION), funds("48", "incentive"))
    await due(harness, 0, 2, MILLION)
    person = of_lane(5, 1)
    await harness.receive(confirmed(person, code_of(1), wave="49", fee=MILLION), completed(person, code_of(1)))
    assert await paid(harness) == [1]


async def test_a_queue_longer_than_a_page_is_paid_in_order(
    harness: PaymentHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "PORTION", 3)
    monkeypatch.setattr(timers, "PORTION", 4)
    await harness.receive(a_provider())
    for number in range(11):
        await due(harness, number, LANES[number % 2], MILLION)
    await come(harness, 10 * MILLION, lanes=[5])
    assert await paid(harness) == [1, 3, 5, 7, 9]
    await due(harness, 11, 9, MILLION)
    await sweep(harness, [2, 9])
    assert await paid(harness) == list(range(10))
    await come(harness, 2 * MILLION)
    assert (await paid(harness), await short(harness)) == (list(range(12)), [])
