"""A partner that does not know a reference: the same instruction again, or a decision by two persons."""

from datetime import timedelta
from functools import partial

import pytest

from services.payment.handlers.halts import halt, resume
from shared.runtime.explained_participant import explain_participant
from tests.builders import LATER, Event
from tests.integration.payment.facts import (
    CODE,
    COMPLETED_AT,
    PARTICIPANT,
    blocked,
    erased,
    journey,
    linked,
    not_found,
    reported,
    voided,
)
from tests.integration.payment.harness import PaymentHarness, Restored

ANSWER_WITHIN = timedelta(seconds=900)
PARTNER_MEMORY = timedelta(days=60)


def sent(harness: PaymentHarness) -> list[bytes]:
    """Return the data of each instruction to the partner of the incentive."""
    pages = [page for page in harness.pages if page.topic == "disbursements.gopay"]
    events = [event for page in pages for event in page.events]
    return [event.data for event in events if event.type.endswith("instructed.v1")]


def the_reference(harness: PaymentHarness) -> str:
    return harness.instructions_for("incentive")[0].reference


async def ask(harness: PaymentHarness, after: timedelta = ANSWER_WITHIN) -> None:
    """Let the time for an answer pass, so that the partner is asked for the status."""
    requests = len(harness.status_requests)
    harness.now += after
    await harness.sweep("ask_gopay")
    assert len(harness.status_requests) == requests + 1


async def say_not_found(harness: PaymentHarness, at: int = 0, partner: str = "gopay") -> None:
    """Report that the reference is not known, so many minutes later than the first time."""
    await harness.receive(not_found(partner, the_reference(harness), COMPLETED_AT + timedelta(minutes=at)))


async def test_unknown_reference_is_instructed_again_with_the_same_bytes(instructed: PaymentHarness) -> None:
    await ask(instructed)
    instructed.now += timedelta(minutes=5)
    await say_not_found(instructed)
    first, second = sent(instructed)
    assert first == second
    assert (await instructed.state("incentive_1"), await instructed.parked()) == ("instructed", [])
    sequences = [page.first_sequence for page in instructed.pages if page.topic == "disbursements.gopay"]
    assert len(set(sequences)) == len(sequences) == 3

    await instructed.report(the_reference(instructed), "settled")
    assert await instructed.state("incentive_1") == "settled"


async def test_unasked_not_found_changes_nothing(instructed: PaymentHarness) -> None:
    await say_not_found(instructed)
    assert (len(sent(instructed)), await instructed.parked()) == (1, [])
    assert await instructed.state("incentive_1") == "instructed"


async def test_each_request_is_answered_by_one_instruction(instructed: PaymentHarness) -> None:
    await ask(instructed)
    await say_not_found(instructed)
    await say_not_found(instructed)
    await say_not_found(instructed, at=1)
    assert len(sent(instructed)) == 2
    await ask(instructed)
    await say_not_found(instructed)
    assert len(sent(instructed)) == 2
    await say_not_found(instructed, at=2)
    assert len(sent(instructed)) == 3


async def test_accepted_reference_that_was_forgotten_is_instructed_again(instructed: PaymentHarness) -> None:
    await instructed.report(the_reference(instructed), "accepted")
    await say_not_found(instructed)
    assert len(sent(instructed)) == 1
    await ask(instructed)
    await say_not_found(instructed, at=1)
    assert (len(sent(instructed)), await instructed.state("incentive_1")) == (2, "accepted")


async def test_not_found_after_settled_contradicts_it(instructed: PaymentHarness) -> None:
    await instructed.report(the_reference(instructed), "settled")
    await say_not_found(instructed)
    assert (await instructed.parked(), len(sent(instructed))) == (["contradicts_final"], 1)
    assert await instructed.state("incentive_1") == "settled"


async def test_return_after_not_found_waits_for_two_persons(instructed: PaymentHarness) -> None:
    await instructed.report(the_reference(instructed), "settled")
    await say_not_found(instructed)
    await instructed.report(the_reference(instructed), "returned", "AB08")
    assert await instructed.state("incentive_1") == "held(needs_approval)"


async def test_not_found_after_rejected_changes_nothing(instructed: PaymentHarness) -> None:
    await ask(instructed)
    await instructed.report(the_reference(instructed), "rejected", "AC04")
    await say_not_found(instructed)
    assert (await instructed.parked(), len(sent(instructed))) == ([], 1)
    assert await instructed.state("incentive_1") == "held(account_closed)"


async def test_what_another_partner_does_not_know_is_not_repeated(instructed: PaymentHarness) -> None:
    await ask(instructed)
    await say_not_found(instructed, partner="dana")
    assert (await instructed.parked(), await instructed.halts()) == (["unknown_reference"], ["dana"])
    assert len(sent(instructed)) == 1


@pytest.mark.parametrize("scope", ["gopay", "all", "wave:48"])
async def test_halted_partner_is_instructed_again_after_the_halt(instructed: PaymentHarness, scope: str) -> None:
    await ask(instructed)
    await instructed.operate(halt, scope)
    await say_not_found(instructed)
    assert len(sent(instructed)) == 1
    await instructed.operate(resume, scope)
    await ask(instructed)
    await say_not_found(instructed)
    assert len(sent(instructed)) == 2


@pytest.mark.parametrize(
    ("event", "claims"), [(voided(), 1), (blocked(), 0), (erased(), 0)], ids=["voided", "blocked", "erased"]
)
async def test_instructed_payment_goes_on_and_is_repeated(
    instructed: PaymentHarness, event: Event, claims: int
) -> None:
    await instructed.receive(event)
    await ask(instructed)
    await say_not_found(instructed)
    assert len(set(sent(instructed))) == 1
    assert len(sent(instructed)) == 2
    await instructed.report(the_reference(instructed), "settled")
    assert await instructed.connection.fetchval("select count(*) from money_claim") == claims


async def test_settled_in_the_same_batch_is_not_repeated(instructed: PaymentHarness) -> None:
    await ask(instructed)
    reference = the_reference(instructed)
    await instructed.receive(not_found("gopay", reference), instructed.answer(reference, "settled"))
    assert (len(sent(instructed)), await instructed.state("incentive_1")) == (1, "settled")


async def test_contradicted_payment_is_not_repeated_but_waits_for_two_persons(instructed: PaymentHarness) -> None:
    await ask(instructed)
    reference = the_reference(instructed)
    wrong_amount = reported("gopay", reference, "settled", 1)
    await instructed.receive(not_found("gopay", reference), wrong_amount)
    assert (len(sent(instructed)), await instructed.state("incentive_1")) == (1, "instructed")
    await ask(instructed)
    await say_not_found(instructed, at=1)
    assert (len(sent(instructed)), await instructed.state("incentive_1")) == (1, "held(needs_approval)")


async def forget(harness: PaymentHarness) -> None:
    """Let a partner be silent for longer than it remembers, and then answer that it knows of nothing."""
    await ask(harness, PARTNER_MEMORY)
    await say_not_found(harness)


async def test_partner_remembers_for_sixty_days(instructed: PaymentHarness) -> None:
    await ask(instructed, PARTNER_MEMORY - timedelta(microseconds=1))
    await say_not_found(instructed)
    assert len(sent(instructed)) == 2


async def test_forgotten_payment_is_tried_again_by_two_persons(instructed: PaymentHarness) -> None:
    await forget(instructed)
    assert instructed.event_names("incentive_1")[2:] == ["rejected", "held(needs_approval)"]
    assert await instructed.balance("clearing:gopay") == 0
    await instructed.receive(linked(day=1, partner="dana"))
    await instructed.sweep()
    await say_not_found(instructed, at=1)
    assert (len(sent(instructed)), await instructed.state("incentive_1")) == (1, "held(needs_approval)")
    await instructed.approve(CODE, "incentive_1")
    await instructed.sweep()
    assert [i.partner for i in instructed.instructions_for("incentive")] == ["gopay", "dana"]


async def test_forgotten_payment_that_was_made_is_confirmed_by_two_persons(instructed: PaymentHarness) -> None:
    await forget(instructed)
    reference = the_reference(instructed)
    await instructed.report(reference, "settled")
    assert (await instructed.parked(), await instructed.state("incentive_1")) == (
        ["contradicts_final"],
        "held(needs_approval)",
    )
    await instructed.confirm(reference)
    assert await instructed.state("incentive_1") == "settled"
    await say_not_found(instructed, at=1)
    assert await instructed.parked() == ["contradicts_final", "contradicts_final"]


async def test_forgotten_payment_is_explained_by_its_report(instructed: PaymentHarness) -> None:
    await forget(instructed)
    decisions = await explain_participant(instructed.definition, instructed.connection, PARTICIPANT)
    rejected = next(one for one in decisions if one.decision == "attempt_rejected")
    assert rejected.rule == "report.rejected.NOOR"
    assert rejected.caused_by == (
        f"disbursement-reports.gopay disbursement_reported {the_reference(instructed)}/not_found",
    )


async def test_instruction_is_repeated_as_it_was_sent_last_after_a_restore(restored: Restored) -> None:
    before, after = restored.before, restored.after
    await restored.adopt()
    await after.prepare()
    after.now = LATER + timedelta(hours=1)
    await after.receive(*journey())
    await say_not_found(after)
    assert len(sent(after)) == 1
    await ask(after)
    await say_not_found(after)
    assert sent(after)[0] == sent(after)[1] != sent(before)[0]
    assert after.instructions_for("incentive")[1] == before.instructions_for("incentive")[0]


async def test_lane_that_catches_up_repeats_nothing(restored: Restored) -> None:
    after = restored.after
    await after.prepare()
    await after.receive(*journey())
    await ask(after)
    await restored.catching_up(after.now)
    await say_not_found(after)
    assert len(sent(after)) == 1
    await restored.catching_up(None)
    await say_not_found(after)
    assert len(sent(after)) == 2


async def test_broken_batch_repeats_nothing_and_the_next_one_does(instructed: PaymentHarness) -> None:
    await ask(instructed)
    answer = partial(not_found, "gopay", the_reference(instructed))
    with pytest.raises(ConnectionResetError):
        await instructed.receive(answer(), broken=True)
    await instructed.receive(answer())
    assert len(sent(instructed)) == 2
