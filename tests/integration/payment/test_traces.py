"""What payment says carries the trace of the message that causes it; what the clock causes has none."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.builders import LATER, Event, a_provider, funds
from tests.integration.payment.facts import PARTICIPANT, completed, confirmed, in_one_lane, journey, linked, rated
from tests.integration.payment.harness import PaymentHarness

LINK, CONFIRMATION, COMPLETION, RATING, REPORT = (f"00-{n:032x}-{n:016x}-01" for n in range(1, 6))
OTHER = f"00-{9:032x}-{9:016x}-01"
SECOND = "PRAT00000002"


def traced(event: Event, trace: str) -> Event:
    return replace(event, trace=trace)


def spoken(harness: PaymentHarness) -> Iterator[tuple[str, str, str | None]]:
    """(topic, what, trace) of all that was said since the last call."""
    for page in harness.pages:
        for event in page.events:
            what = event.type.split(".")[2].removeprefix("disbursement_")
            yield page.topic, what, event.headers.get("traceparent")
    harness.pages.clear()


@pytest.fixture
async def told(harness: PaymentHarness) -> PaymentHarness:
    """Fee and incentive have been instructed, and nothing of it was traced."""
    await harness.prepare()
    await harness.receive(*journey())
    assert {trace for _, _, trace in spoken(harness)} == {None}
    return harness


async def test_what_falls_due_carries_the_trace_of_what_made_it_due(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(traced(linked(), LINK), traced(confirmed(), CONFIRMATION))
    await harness.receive(traced(completed(), COMPLETION), traced(completed(), OTHER), traced(rated(), RATING))
    assert list(spoken(harness)) == [
        ("disbursements.bni", "instructed", COMPLETION),
        ("disbursements.gopay", "instructed", RATING),
        ("payment.events", "scheduled", COMPLETION),
        ("payment.events", "instructed", COMPLETION),
        ("payment.events", "scheduled", RATING),
        ("payment.events", "instructed", RATING),
    ]


async def test_in_one_batch_each_right_carries_the_trace_of_its_own_cause(harness: PaymentHarness) -> None:
    await harness.prepare()
    first, second = in_one_lane(2)
    await harness.receive(confirmed(first), confirmed(second, SECOND))
    await harness.receive(traced(completed(first), COMPLETION), completed(second, SECOND))
    instructed = [trace for topic, _, trace in spoken(harness) if topic == "disbursements.bni"]
    assert sorted(instructed, key=str) == [COMPLETION, None]


async def test_a_completion_that_waited_for_its_enrollment_keeps_its_own_trace(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(traced(completed(), COMPLETION))
    await harness.receive(traced(confirmed(), CONFIRMATION))
    assert {trace for _, _, trace in spoken(harness)} == {COMPLETION}


async def test_what_a_linked_account_cures_carries_the_trace_of_the_link(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(confirmed(), completed(), rated())
    list(spoken(harness))
    await harness.receive(traced(linked(day=1), LINK), traced(linked(), OTHER))
    assert list(spoken(harness)) == [
        ("disbursements.gopay", "instructed", LINK),
        ("payment.events", "instructed", LINK),
    ]


async def test_each_word_of_a_partner_passes_its_trace_on(told: PaymentHarness) -> None:
    fee = told.instructions_for("fee")[0].reference
    await told.receive(
        traced(told.answer(fee, "accepted"), REPORT),
        traced(told.answer(fee, "accepted"), LINK),
        traced(told.answer(fee, "settled"), OTHER),
    )
    assert list(spoken(told)) == [("payment.events", "accepted", REPORT), ("payment.events", "settled", OTHER)]


async def test_a_rejection_passes_its_trace_on_and_another_attempt_which_the_clock_makes_has_none(
    told: PaymentHarness,
) -> None:
    await told.receive(traced(linked(day=1, partner="dana"), LINK))
    await told.receive(traced(told.answer(told.instructions_for("incentive")[0].reference, "rejected", "AC04"), REPORT))
    await told.sweep("retry")
    assert list(spoken(told)) == [
        ("payment.events", "rejected", REPORT),
        ("payment.events", "held", REPORT),
        ("disbursements.dana", "instructed", None),
        ("payment.events", "instructed", None),
    ]


async def test_what_the_clock_causes_carries_no_trace(harness: PaymentHarness) -> None:
    await harness.receive(funds("48", "training"), *(traced(event, COMPLETION) for event in journey(PARTICIPANT)))
    assert {trace for _, _, trace in spoken(harness)} == {COMPLETION}
    await harness.receive(traced(a_provider(), OTHER))
    await harness.sweep("release")
    assert list(spoken(harness)) == [("disbursements.bni", "instructed", None), ("payment.events", "instructed", None)]
    harness.now = LATER + timedelta(days=1)
    await harness.sweep("ask")
    assert list(spoken(harness)) == [("disbursements.bni", "status_requested", None)]
