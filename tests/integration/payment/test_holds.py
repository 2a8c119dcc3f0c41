"""Holds: each has a named reason, and ends when its cure comes."""

from datetime import timedelta

import pytest

from services.payment import timers
from services.payment.handlers.halts import halt
from shared.errors import Refused
from tests.builders import LATER, a_provider, funds
from tests.infrastructure import Database
from tests.integration.payment.facts import (
    CODE,
    FEE,
    INCENTIVE,
    PARTICIPANT,
    completed,
    confirmed,
    in_another_lane,
    in_one_lane,
    journey,
    linked,
    rated,
)
from tests.integration.payment.harness import PaymentHarness, create_harness


async def test_without_an_account_the_incentive_is_held_until_one_is_linked(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(confirmed(), completed(), rated())
    assert await harness.state("incentive_1") == "held(no_account)"
    await harness.receive(linked())
    assert harness.event_names("incentive_1") == ["scheduled", "held(no_account)", "instructed"]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [({"same_identity": False}, "account_other_nik"), ({"verified": False}, "account_unverified")],
)
async def test_unfit_account_holds_until_a_better_one_is_linked(
    harness: PaymentHarness, wrong: dict[str, bool], reason: str
) -> None:
    await harness.prepare()
    await harness.receive(linked(**wrong), confirmed(), completed(), rated())  # type: ignore[arg-type]
    assert await harness.state("incentive_1") == f"held({reason})"
    await harness.receive(linked(day=1, partner="dana"))
    assert [instructed.partner for instructed in harness.instructions_for("incentive")] == ["dana"]


async def test_an_older_link_that_comes_later_changes_nothing(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(linked(day=2, partner="dana"))
    await harness.receive(linked(day=1, partner="gopay"))
    await harness.receive(confirmed(), completed(), rated())
    assert [instructed.partner for instructed in harness.instructions_for("incentive")] == ["dana"]


async def test_a_fee_waits_for_the_providers_account(harness: PaymentHarness) -> None:
    await harness.receive(funds("48", "training"), funds("48", "incentive"), *journey())
    assert await harness.state("fee") == "held(no_provider_account)"
    assert await harness.sweep("release") == 0
    await harness.receive(a_provider())
    assert await harness.sweep("release") == 1
    assert harness.event_names("fee") == ["scheduled", "held(no_provider_account)", "instructed"]


async def test_money_that_comes_later_releases_the_oldest_first(harness: PaymentHarness) -> None:
    await harness.prepare(training=FEE)
    people = in_one_lane(4)
    for day, person in enumerate(people):
        harness.now = LATER + timedelta(days=day)
        await harness.receive(*journey(person, f"PRAT0000000{day}"))
    states = [await harness.state("fee", f"PRAT0000000{day}") for day in range(4)]
    assert states == ["instructed", "held(no_funds)", "held(no_funds)", "held(no_funds)"]

    await harness.receive(funds("48", "training", rupiah=2 * FEE))
    await harness.sweep()
    states = [await harness.state("fee", f"PRAT0000000{day}") for day in range(4)]
    assert states == ["instructed", "instructed", "instructed", "held(no_funds)"]


async def test_a_newcomer_does_not_overtake_who_waits_for_money(harness: PaymentHarness) -> None:
    await harness.prepare(training=FEE)
    first, second = in_one_lane(2)
    await harness.receive(*journey(first, "PRAT00000001", fee=2 * FEE))
    await harness.receive(*journey(second, "PRAT00000002", fee=FEE))
    assert await harness.state("fee", "PRAT00000002") == "held(no_funds)"


async def test_funds_of_another_wave_or_component_pay_nothing(harness: PaymentHarness) -> None:
    await harness.receive(a_provider(), funds("49", "training"), funds("48", "survey"), *journey())
    assert (await harness.state("fee"), await harness.state("incentive_1")) == ("held(no_funds)", "held(no_funds)")


async def test_unused_money_of_one_lane_goes_to_a_lane_that_waits(harness: PaymentHarness) -> None:
    """The first lane takes a block, more than is left for the other, and returns the rest."""
    other = in_another_lane(PARTICIPANT)
    await harness.prepare(training=200_000_000, incentive=2 * INCENTIVE)
    await harness.receive(*journey())
    await harness.receive(*journey(other, "PRAT00000002", fee=150_000_000))
    assert await harness.state("fee", "PRAT00000002") == "held(no_funds)"
    await harness.sweep()
    await harness.sweep()
    assert await harness.state("fee", "PRAT00000002") == "instructed"
    assert await harness.balance("appropriation") + await harness.balance("reserved:training") == 50_000_000 - FEE


async def test_never_is_more_instructed_than_was_appropriated(harness: PaymentHarness) -> None:
    await harness.prepare(training=3 * FEE - 1)
    for n, person in enumerate([*in_one_lane(3), in_another_lane(PARTICIPANT)]):
        await harness.receive(*journey(person, f"PRAT0000000{n}"))
    for _ in range(3):
        await harness.sweep()
    assert len(harness.instructions_for("fee")) == 2


async def test_money_that_covers_nobody_delays_no_other_cure(
    harness: PaymentHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timers, "PORTION", 2)
    await harness.prepare(training=FEE - 1)
    *poor, lucky = in_one_lane(4)
    for n, person in enumerate(poor):
        await harness.receive(*journey(person, f"PRAT0000000{n}"))
    harness.now += timedelta(hours=1)
    await harness.receive(funds("49", "training"), confirmed(lucky, CODE, wave="49", provider="LP0002"))
    await harness.receive(completed(lucky, CODE))
    assert await harness.state("fee", CODE) == "held(no_provider_account)"
    await harness.receive(a_provider("LP0002"))
    await harness.sweep()
    assert await harness.state("fee", CODE) == "instructed"


async def test_halted_fee_is_paid_when_its_provider_moves_to_another_partner(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.operate(halt, "bni")
    await harness.receive(*journey())
    assert await harness.state("fee") == "held(halted)"
    await harness.receive(a_provider(version=2, account={"partner": "bca"}))
    await harness.sweep()
    assert [instructed.partner for instructed in harness.instructions_for("fee")] == ["bca"]


async def test_amount_above_the_limit_waits_for_an_approval(database: Database) -> None:
    harness = await create_harness(database, approval_above_rupiah=INCENTIVE)
    await harness.prepare()
    await harness.receive(*journey())
    assert (await harness.state("fee"), await harness.state("incentive_1")) == ("held(needs_approval)", "instructed")
    assert await harness.sweep() == 0
    await harness.approve(CODE, "fee")
    await harness.sweep()
    with pytest.raises(Refused, match="does not wait for an approval"):
        await harness.approve(CODE, "fee")
    assert await harness.state("fee") == "instructed"
    assert await harness.breaches() == []
    await harness.connection.close()
