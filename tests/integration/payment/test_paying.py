"""A right that falls due is paid once, under one reference, and never before its completion was confirmed."""

from datetime import timedelta

import pytest

from tests.builders import PROVIDER, a_provider, funds
from tests.integration.payment.bench import Bench
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
    rated,
)


async def test_a_completed_and_rated_training_pays_the_provider_and_the_participant(bench: Bench) -> None:
    await bench.receive(a_provider(number="8800123"), funds("48", "training"), funds("48", "incentive"))
    await bench.receive(*journey())

    (fee,), (incentive,) = bench.told("fee"), bench.told("incentive")
    assert (fee.partner, fee.amount, fee.number) == ("bni", FEE, "8800123")
    assert (incentive.partner, incentive.amount, incentive.number) == ("gopay", INCENTIVE, a_number(PARTICIPANT))
    assert bench.words("fee") == ["scheduled", "instructed"]

    await bench.report(fee.reference, "accepted")
    await bench.report(fee.reference, "settled")
    await bench.report(incentive.reference, "settled")
    assert (await bench.state("fee"), await bench.state("incentive_1")) == ("settled", "settled")
    assert bench.words("fee")[2:] == ["accepted", "settled"]
    assert (await bench.balance("paid:fee"), await bench.balance("paid:incentive")) == (FEE, INCENTIVE)
    assert (await bench.balance("clearing:bni"), await bench.balance("clearing:gopay")) == (0, 0)


async def test_everything_delivered_three_times_pays_once(bench: Bench) -> None:
    await bench.prepare()
    await bench.receive(*journey() * 3)
    await bench.receive(*journey() * 2)
    assert len(bench.instructions) == 2
    for told in list(bench.instructions):
        settled = bench.answer(told.reference, "settled")
        await bench.receive(settled, settled.again(), settled.again())
        await bench.receive(settled)
    assert (len(bench.instructions), await bench.parked()) == (2, [])
    assert await bench.balance("paid:fee") == FEE


async def test_nothing_is_paid_before_the_completion_whatever_else_has_come(bench: Bench) -> None:
    await bench.prepare()
    await bench.receive(linked(), confirmed(), rated())
    assert (bench.instructions, bench.said) == ([], [])
    await bench.receive(completed())
    assert len(bench.instructions) == 2


async def test_a_completion_before_its_enrollment_waits_for_it(bench: Bench) -> None:
    await bench.prepare()
    await bench.receive(completed(), rated(), linked())
    assert bench.said == []
    await bench.receive(confirmed())
    assert len(bench.instructions) == 2


async def test_the_incentive_waits_for_the_rating_and_the_fee_does_not(bench: Bench) -> None:
    await bench.prepare()
    await bench.receive(linked(), confirmed(), completed())
    assert [told.benefit for told in bench.instructions] == ["fee"]
    await bench.receive(rated())
    assert [told.benefit for told in bench.instructions] == ["fee", "incentive"]


async def test_a_clock_that_is_set_back_in_between_changes_nothing(bench: Bench) -> None:
    await bench.prepare()
    await bench.receive(linked(), confirmed(), completed())
    bench.now -= timedelta(days=3 * 365)
    await bench.receive(rated())
    assert (await bench.state("fee"), await bench.state("incentive_1")) == ("instructed", "instructed")
    assert await bench.breaches() == []


async def test_more_participants_cost_no_more_queries(bench: Bench) -> None:
    await bench.prepare()
    asked: list[str] = []
    bench.connection.add_query_logger(lambda query: asked.append(query.query))
    people = in_one_lane(50)
    events = [event for n, person in enumerate(people) for event in journey(person, f"PRAT{n:08}")]
    await bench.receive(*events[:4])
    few = len(asked)
    asked.clear()
    await bench.receive(*events[4:])
    assert len(bench.instructions) == 100
    assert len(asked) <= few


async def test_the_latest_version_of_a_providers_account_is_paid(bench: Bench) -> None:
    await bench.prepare()
    newer = a_provider(PROVIDER, number="8800999", version=2)
    await bench.receive(newer, a_provider(PROVIDER, number="8800777", version=3), *journey())
    assert bench.told("fee")[0].number == "8800777"


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_provider_version_with_other_content_is_a_conflict(bench: Bench, at_once: bool) -> None:
    first, other = a_provider(number="8800123"), a_provider(number="8800124")
    same = a_provider(number="8800123")
    if at_once:
        await bench.receive(first, other, same)
    else:
        await bench.receive(first)
        await bench.receive(other)
        await bench.receive(same)
    assert await bench.parked() == ["conflict"]
    await bench.receive(funds("48", "training"), *journey())
    assert bench.told("fee")[0].number == "8800123"


async def test_two_spellings_of_a_phone_number_are_two_numbers(bench: Bench) -> None:
    """The keyed index compares what was written; only a wallet knows which of its numbers mean the same."""
    await bench.receive(a_provider(number="+6281234567890"), a_provider(number="6281234567890"))
    assert await bench.parked() == ["conflict"]
    await bench.receive(a_provider(number="+6281234567890"), funds("48", "training"), *journey())
    assert (await bench.parked(), bench.told("fee")[0].number) == (["conflict"], "+6281234567890")


async def test_a_providers_account_sealed_for_another_is_parked(bench: Bench) -> None:
    stolen = a_provider("LP0002").data["account"]
    await bench.receive(a_provider("LP0001", account=stolen))
    assert await bench.parked() == ["bad_seal"]


@pytest.mark.parametrize("at_once", [True, False])
async def test_money_appropriated_twice_by_one_document_counts_once(bench: Bench, at_once: bool) -> None:
    money = funds("48", "training", rupiah=FEE)
    other = money.but(amount={"value": 2 * FEE, "currency": "IDR"})
    if at_once:
        await bench.receive(money, money.again(), other)
    else:
        for event in (money, money.again(), other):
            await bench.receive(event)
    assert await bench.parked() == ["conflict"]
    assert await bench.balance("appropriation") == FEE


async def test_one_document_may_fund_two_components(bench: Bench) -> None:
    await bench.receive(funds("48", "training", document="SP2D"), funds("48", "incentive", document="SP2D"))
    assert await bench.parked() == []
