"""Traces: an event carries that of the message that caused it; events caused by timers have none."""

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
    """Return (topic, type, trace) of all events since the last call."""
    for page in harness.pages:
        for event in page.events:
            what = event.type.split(".")[2].removeprefix("disbursement_")
            yield page.topic, what, event.headers.get("traceparent")
    harness.pages.clear()


@pytest.fixture
async def instructed(harness: PaymentHarness) -> PaymentHarness:
    """Return a harness in which fee and incentive have been instructed, without traces."""
    await harness.prepare()
    await harness.receive(*journey())
    assert {trace for _, _, trace in spoken(harness)} == {None}
    return harness


async def test_due_disbursement_carries_the_trace_of_its_milestone(harness: PaymentHarness) -> None:
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


async def test_each_disbursement_of_a_batch_carries_the_trace_of_its_cause(harness: PaymentHarness) -> None:
    await harness.prepare()
    first, second = in_one_lane(2)
    await harness.receive(confirmed(first), confirmed(second, SECOND))
    await harness.receive(traced(completed(first), COMPLETION), completed(second, SECOND))
    instructed = [trace for topic, _, trace in spoken(harness) if topic == "disbursements.bni"]
    assert sorted(instructed, key=str) == [COMPLETION, None]


async def test_deferred_completion_keeps_its_own_trace(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(traced(completed(), COMPLETION))
    await harness.receive(traced(confirmed(), CONFIRMATION))
    assert {trace for _, _, trace in spoken(harness)} == {COMPLETION}


async def test_cure_by_a_linked_account_carries_the_trace_of_the_link(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(confirmed(), completed(), rated())
    list(spoken(harness))
    await harness.receive(traced(linked(day=1), LINK), traced(linked(), OTHER))
    assert list(spoken(harness)) == [
        ("disbursements.gopay", "instructed", LINK),
        ("payment.events", "instructed", LINK),
    ]


async def test_each_report_passes_its_trace_on(instructed: PaymentHarness) -> None:
    fee = instructed.instructions_for("fee")[0].reference
    await instructed.receive(
        traced(instructed.answer(fee, "accepted"), REPORT),
        traced(instructed.answer(fee, "accepted"), LINK),
        traced(instructed.answer(fee, "settled"), OTHER),
    )
    assert list(spoken(instructed)) == [("payment.events", "accepted", REPORT), ("payment.events", "settled", OTHER)]


async def test_rejection_passes_its_trace_on_and_a_timed_attempt_has_none(
    instructed: PaymentHarness,
) -> None:
    await instructed.receive(traced(linked(day=1, partner="dana"), LINK))
    await instructed.receive(
        traced(instructed.answer(instructed.instructions_for("incentive")[0].reference, "rejected", "AC04"), REPORT)
    )
    await instructed.sweep("retry")
    assert list(spoken(instructed)) == [
        ("payment.events", "rejected", REPORT),
        ("payment.events", "held", REPORT),
        ("disbursements.dana", "instructed", None),
        ("payment.events", "instructed", None),
    ]


async def test_events_caused_by_timers_carry_no_trace(harness: PaymentHarness) -> None:
    await harness.receive(funds("48", "training"), *(traced(event, COMPLETION) for event in journey(PARTICIPANT)))
    assert {trace for _, _, trace in spoken(harness)} == {COMPLETION}
    await harness.receive(traced(a_provider(), OTHER))
    await harness.sweep("release")
    assert list(spoken(harness)) == [("disbursements.bni", "instructed", None), ("payment.events", "instructed", None)]
    harness.now = LATER + timedelta(days=1)
    await harness.sweep("ask")
    assert list(spoken(harness)) == [("disbursements.bni", "status_requested", None)]
