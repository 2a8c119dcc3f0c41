"""Answer times of partners: by our own clock, once for each report that is new and saved."""

from datetime import timedelta

import pytest

from tests.builders import LATER, a_provider
from tests.integration.payment.facts import INCENTIVE, journey, reported
from tests.integration.payment.harness import PaymentHarness

STRANGE = "3Q2M9K4T1B8XW3ZA"


@pytest.fixture
async def instructed(harness: PaymentHarness) -> PaymentHarness:
    """Return a harness in which fee and incentive were instructed at `LATER`."""
    await harness.prepare()
    await harness.receive(*journey())
    return harness


def times(harness: PaymentHarness) -> dict[tuple[str, str], tuple[float, float]]:
    """Return (partner, status) -> number of answers, and the sum of their seconds."""
    found: dict[str, dict[tuple[str, str], float]] = {"count": {}, "sum": {}}
    for measure in harness.definition.collectors:
        for sample in (sample for family in measure.collect() for sample in family.samples):
            name, _, what = sample.name.rpartition("_")
            if name == "salur_partner_answer_seconds" and what in found:
                found[what][(sample.labels["partner"], sample.labels["status"])] = sample.value
    return {place: (count, found["sum"][place]) for place, count in found["count"].items()}


async def test_each_new_report_is_timed_from_the_instruction_and_repeats_are_not(instructed: PaymentHarness) -> None:
    fee, incentive = (
        instructed.instructions_for("fee")[0].reference,
        instructed.instructions_for("incentive")[0].reference,
    )
    instructed.now = LATER + timedelta(seconds=5)
    await instructed.report(incentive, "accepted")
    instructed.now = LATER + timedelta(seconds=60)
    settled = instructed.answer(incentive, "settled")
    await instructed.receive(
        instructed.answer(incentive, "accepted"),
        settled,
        settled.with_new_id(),
        instructed.answer(fee, "rejected", "AC04"),
    )
    instructed.now = LATER + timedelta(seconds=90)
    await instructed.receive(settled.with_new_id(), instructed.answer(incentive, "accepted"))
    assert times(instructed) == {
        ("gopay", "accepted"): (1, 5),
        ("gopay", "settled"): (1, 60),
        ("bni", "rejected"): (1, 60),
    }


async def test_the_next_attempt_has_a_time_of_its_own(instructed: PaymentHarness) -> None:
    await instructed.report(instructed.instructions_for("fee")[0].reference, "rejected", "AC04")
    instructed.now = LATER + timedelta(days=1)
    await instructed.receive(a_provider(version=2))
    await instructed.sweep("release", "retry")
    instructed.now += timedelta(seconds=7)
    await instructed.report(instructed.instructions_for("fee")[1].reference, "settled")
    assert times(instructed)[("bni", "settled")] == (1, 7)


async def test_refused_report_is_not_timed(instructed: PaymentHarness) -> None:
    await instructed.report(instructed.instructions_for("fee")[0].reference, "settled", amount=1)
    await instructed.receive(reported("dana", STRANGE, "settled", INCENTIVE))
    assert times(instructed) == {}
    await instructed.report(instructed.instructions_for("fee")[0].reference, "settled")
    await instructed.report(instructed.instructions_for("fee")[0].reference, "rejected", "AC04")
    assert list(times(instructed)) == [("bni", "settled")]


async def test_clock_set_back_makes_no_answer_time_negative(instructed: PaymentHarness) -> None:
    instructed.now = LATER - timedelta(seconds=30)
    await instructed.report(instructed.instructions_for("fee")[0].reference, "settled")
    assert times(instructed) == {("bni", "settled"): (1, 0)}


@pytest.mark.parametrize("meanwhile", ["nothing", "others", "repeats"])
async def test_failed_batch_records_no_answer_times_until_repeated(instructed: PaymentHarness, meanwhile: str) -> None:
    fee, incentive = (
        instructed.answer(instructed.instructions_for(benefit)[0].reference, "settled")
        for benefit in ("fee", "incentive")
    )
    await instructed.receive(incentive)
    with pytest.raises(ConnectionResetError):
        await instructed.receive(fee, broken=True)
    if meanwhile != "nothing":
        await instructed.receive(a_provider("LP0002") if meanwhile == "others" else incentive.with_new_id())
    assert list(times(instructed)) == [("gopay", "settled")]
    await instructed.receive(fee)
    assert times(instructed) == {("gopay", "settled"): (1, 0), ("bni", "settled"): (1, 0)}
