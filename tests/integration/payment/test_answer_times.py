"""How long partners take to answer is measured by our own clock, once for each word that is believed and kept."""

from datetime import timedelta

import pytest

from tests.builders import LATER, a_provider
from tests.integration.payment.facts import INCENTIVE, journey, reported
from tests.integration.payment.harness import PaymentHarness

STRANGE = "3Q2M9K4T1B8XW3ZA"


@pytest.fixture
async def told(harness: PaymentHarness) -> PaymentHarness:
    """Fee and incentive were instructed at `LATER`."""
    await harness.prepare()
    await harness.receive(*journey())
    return harness


def times(harness: PaymentHarness) -> dict[tuple[str, str], tuple[float, float]]:
    """(partner, status) -> how many answers, and their seconds in all."""
    found: dict[str, dict[tuple[str, str], float]] = {"count": {}, "sum": {}}
    for measure in harness.definition.collectors:
        for sample in (sample for family in measure.collect() for sample in family.samples):
            name, _, what = sample.name.rpartition("_")
            if name == "salur_partner_answer_seconds" and what in found:
                found[what][(sample.labels["partner"], sample.labels["status"])] = sample.value
    return {place: (count, found["sum"][place]) for place, count in found["count"].items()}


async def test_each_word_is_timed_from_the_instruction_and_its_repetitions_are_not(told: PaymentHarness) -> None:
    fee, incentive = told.instructions_for("fee")[0].reference, told.instructions_for("incentive")[0].reference
    told.now = LATER + timedelta(seconds=5)
    await told.report(incentive, "accepted")
    told.now = LATER + timedelta(seconds=60)
    settled = told.answer(incentive, "settled")
    await told.receive(
        told.answer(incentive, "accepted"), settled, settled.with_new_id(), told.answer(fee, "rejected", "AC04")
    )
    told.now = LATER + timedelta(seconds=90)
    await told.receive(settled.with_new_id(), told.answer(incentive, "accepted"))
    assert times(told) == {
        ("gopay", "accepted"): (1, 5),
        ("gopay", "settled"): (1, 60),
        ("bni", "rejected"): (1, 60),
    }


async def test_the_next_attempt_has_a_time_of_its_own(told: PaymentHarness) -> None:
    await told.report(told.instructions_for("fee")[0].reference, "rejected", "AC04")
    told.now = LATER + timedelta(days=1)
    await told.receive(a_provider(version=2))
    await told.sweep("release", "retry")
    told.now += timedelta(seconds=7)
    await told.report(told.instructions_for("fee")[1].reference, "settled")
    assert times(told)[("bni", "settled")] == (1, 7)


async def test_what_is_not_believed_is_not_timed(told: PaymentHarness) -> None:
    await told.report(told.instructions_for("fee")[0].reference, "settled", amount=1)
    await told.receive(reported("dana", STRANGE, "settled", INCENTIVE))
    assert times(told) == {}
    await told.report(told.instructions_for("fee")[0].reference, "settled")
    await told.report(told.instructions_for("fee")[0].reference, "rejected", "AC04")
    assert list(times(told)) == [("bni", "settled")]


async def test_a_clock_that_was_set_back_makes_no_answer_come_before_its_instruction(told: PaymentHarness) -> None:
    told.now = LATER - timedelta(seconds=30)
    await told.report(told.instructions_for("fee")[0].reference, "settled")
    assert times(told) == {("bni", "settled"): (1, 0)}


@pytest.mark.parametrize("meanwhile", ["nothing", "others", "repeats"])
async def test_a_batch_that_fails_times_nothing_until_it_is_handled_again(told: PaymentHarness, meanwhile: str) -> None:
    fee, incentive = (
        told.answer(told.instructions_for(benefit)[0].reference, "settled") for benefit in ("fee", "incentive")
    )
    await told.receive(incentive)
    with pytest.raises(ConnectionResetError):
        await told.receive(fee, broken=True)
    if meanwhile != "nothing":
        await told.receive(a_provider("LP0002") if meanwhile == "others" else incentive.with_new_id())
    assert list(times(told)) == [("gopay", "settled")]
    await told.receive(fee)
    assert times(told) == {("gopay", "settled"): (1, 0), ("bni", "settled"): (1, 0)}
