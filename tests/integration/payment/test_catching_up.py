"""Lanes that catch up after a restore pay nothing anew, and pay on once all that was read before is read again."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.payment import timers
from services.payment.handlers.halts import halt, resume
from tests.builders import LATER, a_provider, funds
from tests.infrastructure import PostgresServer
from tests.integration.payment.facts import (
    CODE,
    INCENTIVE,
    PARTICIPANT,
    blocked,
    code_of,
    completed,
    confirmed,
    in_one_lane,
    journey,
    linked,
    of_lane,
    rated,
    unblocked,
    voided,
)
from tests.integration.payment.harness import PaymentHarness, Restored, create_harness

CUT_OFF = LATER + timedelta(days=2)
MILESTONES = [completed(), rated()]


@pytest.fixture
async def again(harness: PaymentHarness, postgres: PostgresServer) -> AsyncIterator[Restored]:
    """Restore an empty database, whose lane of the participant is catching up."""
    empty = await postgres.lend("payment")
    await harness.prepare()
    again = Restored(harness, await create_harness(empty))
    await again.after.prepare()
    await again.catching_up(LATER)
    yield again
    assert await again.after.breaches() == []
    await again.after.connection.close()
    await postgres.take_back(empty)


async def states(harness: PaymentHarness) -> tuple[str, str]:
    return await harness.state("fee"), await harness.state("incentive_1")


async def test_what_a_block_held_is_not_paid_before_the_block_is_read_again(again: Restored) -> None:
    before, after = again.before, again.after
    await before.receive(linked(), confirmed(), blocked())
    await before.receive(*MILESTONES)
    await again.adopt()
    await after.receive(linked(), confirmed(), *MILESTONES)
    await after.sweep()
    assert await states(after) == ("held(halted)", "held(halted)")
    await after.receive(blocked())
    await again.catching_up(None)
    await after.sweep()
    assert await states(after) == await states(before) == ("held(participant_blocked)",) * 2
    await after.receive(unblocked())
    assert await states(after) == ("instructed", "instructed")


async def test_nothing_goes_to_an_account_that_was_replaced_before_a_restore(again: Restored) -> None:
    before, after = again.before, again.after
    await before.receive(linked(), linked(day=1, partner="dana", verified=False), confirmed(), *MILESTONES)
    await again.adopt()
    await after.receive(linked(), confirmed(), *MILESTONES)
    await after.receive(linked(day=1, partner="dana", verified=False))
    await again.catching_up(None)
    await after.sweep()
    assert await states(after) == await states(before) == ("instructed", "held(account_unverified)")
    assert after.instructions == before.instructions


async def test_what_was_instructed_is_repeated_while_its_lane_catches_up(again: Restored) -> None:
    before, after = again.before, again.after
    await before.receive(*journey())
    await again.adopt()
    await after.receive(*journey())
    assert after.instructions == before.instructions
    for instruction in list(after.instructions):
        await after.report(instruction.reference, "settled")
    assert await states(after) == ("settled", "settled")


async def test_what_fell_due_while_its_lane_caught_up_is_paid_then(again: Restored) -> None:
    after = again.after
    await after.receive(*journey())
    assert await after.sweep() == 0
    await again.catching_up(None)
    await after.sweep()
    assert await states(after) == ("instructed", "instructed")
    assert after.event_names("fee") == ["scheduled", "held(halted)", "instructed"]


async def test_next_attempt_waits_until_its_lane_has_caught_up(again: Restored) -> None:
    after = again.after
    await again.catching_up(None)
    await after.receive(*journey())
    first = after.instructions_for("incentive")[0].reference
    await again.catching_up(LATER)
    await after.report(first, "rejected", "AC04")
    await after.receive(linked(day=1, partner="dana"))
    await after.sweep()
    assert await after.state("incentive_1") == "held(halted)"
    await again.catching_up(None)
    await after.sweep()
    assert [one.partner for one in after.instructions_for("incentive")] == ["gopay", "dana"]


async def test_void_cancels_what_waits_for_its_lane_to_catch_up(again: Restored) -> None:
    after = again.after
    await after.receive(*journey())
    await after.receive(voided())
    await again.catching_up(None)
    await after.sweep()
    assert (await states(after), after.instructions) == (("cancelled", "cancelled"), [])


async def test_what_waited_in_time_is_paid_before_its_cut_off_passes(again: Restored) -> None:
    """The copy has heard of the cut-off long ago, so no time runs anew."""
    after = again.after
    await after.receive(linked(), confirmed(cut_off_at=CUT_OFF))
    await after.receive(*MILESTONES)
    after.now = CUT_OFF + timedelta(days=1)
    await after.sweep()
    assert await states(after) == ("held(halted)", "held(halted)")
    await again.catching_up(None)
    await after.sweep()
    assert await states(after) == ("instructed", "instructed")


async def test_lane_that_catches_up_keeps_its_places_in_the_queue(harness: PaymentHarness) -> None:
    """Money that comes meanwhile covers one: it is kept for the oldest, and no other lane takes it."""
    await harness.receive(a_provider())
    people = [PARTICIPANT, of_lane(2)]
    for number, person in enumerate(people):
        harness.now = LATER + timedelta(minutes=number)
        await harness.receive(*journey(person, code_of(number)))
    await Restored(harness, harness).catching_up(harness.now)
    await harness.receive(funds("48", "incentive", rupiah=INCENTIVE))
    await harness.sweep()
    incentives = [await harness.state("incentive_1", code_of(number)) for number in range(2)]
    assert incentives == ["held(no_funds)", "held(no_funds)"]
    await Restored(harness, harness).catching_up(None)
    await harness.sweep()
    incentives = [await harness.state("incentive_1", code_of(number)) for number in range(2)]
    assert incentives == ["instructed", "held(no_funds)"]


@pytest.mark.parametrize("reason", ["halted", "no_funds"])
async def test_lane_that_catches_up_delays_no_other(
    harness: PaymentHarness, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    """Its held payments are older, and as many as a sweep takes at once."""
    monkeypatch.setattr(timers, "PORTION", 1)
    await harness.receive(a_provider())
    if reason == "halted":
        await harness.prepare()
        await harness.operate(halt, "all")
    for number, person in enumerate((PARTICIPANT, of_lane(2))):
        harness.now = LATER + timedelta(minutes=number)
        await harness.receive(*journey(person, code_of(number)))
    await Restored(harness, harness).catching_up(harness.now)
    if reason == "halted":
        await harness.operate(resume, "all")
    else:
        await harness.prepare()
    await harness.sweep()
    incentives = [await harness.state("incentive_1", code_of(number)) for number in range(2)]
    assert incentives == [f"held({reason})", "instructed"]


async def test_what_looks_like_an_adopted_payment_waits_in_the_queue(again: Restored) -> None:
    """It has the lane, the fund and the amount of what was instructed before, and there is money for both."""
    before, after = again.before, again.after
    other = in_one_lane(2, first=int(PARTICIPANT[3:]))[1]
    money = [funds("49", "training"), funds("49", "incentive", rupiah=2 * INCENTIVE)]
    await before.receive(*money)
    await before.receive(*journey(wave="49"))
    await again.catching_up(None)
    await after.receive(*journey(other, code_of(1), wave="49"))
    await again.adopt()
    await again.catching_up(LATER)
    await after.receive(*money)
    await after.sweep()
    assert await after.state("incentive_1", code_of(1)) == "held(no_funds)"
    await after.receive(*journey(wave="49"))
    assert await after.state("incentive_1", CODE) == "instructed"
    await again.catching_up(None)
    await after.sweep()
    assert await after.state("incentive_1", code_of(1)) == "instructed"
