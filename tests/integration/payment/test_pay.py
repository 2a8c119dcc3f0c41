"""Payment of what falls due: once, under one reference, and never before its completion was confirmed."""

from datetime import timedelta

import pytest

from tests.builders import PROVIDER, a_provider, funds
from tests.integration.payment.facts import (
    FEE,
    INCENTIVE,
    PARTICIPANT,
    a_number,
    completed,
    confirmed,
    in_one_lane,
    journey,
    linked,
    not_completed,
    rated,
)
from tests.integration.payment.harness import PaymentHarness


async def test_completed_and_rated_training_pays_provider_and_participant(harness: PaymentHarness) -> None:
    await harness.receive(a_provider(number="8800123"), funds("48", "training"), funds("48", "incentive"))
    await harness.receive(*journey())

    (fee,), (incentive,) = harness.instructions_for("fee"), harness.instructions_for("incentive")
    assert (fee.partner, fee.amount, fee.number) == ("bni", FEE, "8800123")
    assert (incentive.partner, incentive.amount, incentive.number) == ("gopay", INCENTIVE, a_number(PARTICIPANT))
    assert harness.event_names("fee") == ["scheduled", "instructed"]

    await harness.report(fee.reference, "accepted")
    await harness.report(fee.reference, "settled")
    await harness.report(incentive.reference, "settled")
    assert (await harness.state("fee"), await harness.state("incentive_1")) == ("settled", "settled")
    assert harness.event_names("fee")[2:] == ["accepted", "settled"]
    assert (await harness.balance("paid:fee"), await harness.balance("paid:incentive")) == (FEE, INCENTIVE)
    assert (await harness.balance("clearing:bni"), await harness.balance("clearing:gopay")) == (0, 0)


async def test_training_that_was_reopened_after_its_rejection_is_paid(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(linked(), confirmed(), not_completed())
    assert harness.instructions == []
    await harness.receive(completed(), rated(), not_completed())
    assert [one.benefit for one in harness.instructions] == ["fee", "incentive"]


async def test_everything_delivered_three_times_pays_once(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(*journey() * 3)
    await harness.receive(*journey() * 2)
    assert len(harness.instructions) == 2
    for instructed in list(harness.instructions):
        settled = harness.answer(instructed.reference, "settled")
        await harness.receive(settled, settled.with_new_id(), settled.with_new_id())
        await harness.receive(settled)
    assert (len(harness.instructions), await harness.parked()) == (2, [])
    assert await harness.balance("paid:fee") == FEE


async def test_changed_confirmation_of_an_enrollment_conflicts(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(confirmed(), confirmed(), confirmed(fee=FEE + 1))
    await harness.receive(confirmed(), confirmed(wave="49"), confirmed(provider="LP0002"))
    await harness.receive(*journey())
    await harness.receive(confirmed(), confirmed(incentive=INCENTIVE + 1))
    assert await harness.parked() == ["conflict"] * 4
    assert sorted(instructed.amount for instructed in harness.instructions) == sorted((FEE, INCENTIVE))


async def test_nothing_is_paid_before_the_completion(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(linked(), confirmed(), rated())
    assert (harness.instructions, harness.announced) == ([], [])
    await harness.receive(completed())
    assert len(harness.instructions) == 2


async def test_a_completion_before_its_enrollment_waits_for_it(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(completed(), rated(), linked())
    assert harness.announced == []
    await harness.receive(confirmed())
    assert len(harness.instructions) == 2


async def test_the_incentive_waits_for_the_rating_and_the_fee_does_not(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(linked(), confirmed(), completed())
    assert [instructed.benefit for instructed in harness.instructions] == ["fee"]
    await harness.receive(rated())
    assert [instructed.benefit for instructed in harness.instructions] == ["fee", "incentive"]


async def test_a_clock_that_is_set_back_in_between_changes_nothing(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(linked(), confirmed(), completed())
    harness.now -= timedelta(days=3 * 365)
    await harness.receive(rated())
    assert (await harness.state("fee"), await harness.state("incentive_1")) == ("instructed", "instructed")
    assert await harness.breaches() == []


async def test_more_participants_cost_no_more_queries(harness: PaymentHarness) -> None:
    await harness.prepare()
    asked: list[str] = []
    harness.connection.add_query_logger(lambda query: asked.append(query.query))
    people = in_one_lane(50)
    events = [event for n, person in enumerate(people) for event in journey(person, f"PRAT{n:08}")]
    await harness.receive(*events[:4])
    few = len(asked)
    asked.clear()
    await harness.receive(*events[4:])
    assert len(harness.instructions) == 100
    assert len(asked) <= few


async def test_the_latest_version_of_a_providers_account_is_paid(harness: PaymentHarness) -> None:
    await harness.prepare()
    newer = a_provider(PROVIDER, number="8800999", version=2)
    await harness.receive(newer, a_provider(PROVIDER, number="8800777", version=3), *journey())
    assert harness.instructions_for("fee")[0].number == "8800777"


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_provider_version_with_other_content_is_a_conflict(harness: PaymentHarness, at_once: bool) -> None:
    first, other = a_provider(number="8800123"), a_provider(number="8800124")
    same = a_provider(number="8800123")
    if at_once:
        await harness.receive(first, other, same)
    else:
        await harness.receive(first)
        await harness.receive(other)
        await harness.receive(same)
    assert await harness.parked() == ["conflict"]
    await harness.receive(funds("48", "training"), *journey())
    assert harness.instructions_for("fee")[0].number == "8800123"


async def test_two_spellings_of_a_phone_number_are_two_numbers(harness: PaymentHarness) -> None:
    """The keyed index compares text; only a wallet knows which of its numbers mean the same."""
    await harness.receive(a_provider(number="+6281234567890"), a_provider(number="6281234567890"))
    assert await harness.parked() == ["conflict"]
    await harness.receive(a_provider(number="+6281234567890"), funds("48", "training"), *journey())
    assert (await harness.parked(), harness.instructions_for("fee")[0].number) == (["conflict"], "+6281234567890")


async def test_a_providers_account_sealed_for_another_is_parked(harness: PaymentHarness) -> None:
    stolen = a_provider("LP0002").data["account"]
    await harness.receive(a_provider("LP0001", account=stolen))
    assert await harness.parked() == ["bad_seal"]


@pytest.mark.parametrize("at_once", [True, False])
async def test_money_appropriated_twice_by_one_document_counts_once(harness: PaymentHarness, at_once: bool) -> None:
    money = funds("48", "training", rupiah=FEE)
    other = money.with_data(amount={"value": 2 * FEE, "currency": "IDR"})
    if at_once:
        await harness.receive(money, money.with_new_id(), other)
    else:
        for event in (money, money.with_new_id(), other):
            await harness.receive(event)
    assert await harness.parked() == ["conflict"]
    assert await harness.balance("appropriation") == FEE


async def test_one_document_may_fund_two_components(harness: PaymentHarness) -> None:
    await harness.receive(funds("48", "training", document="SP2D"), funds("48", "incentive", document="SP2D"))
    assert await harness.parked() == []
