"""Outcome of a report: one decision on state, postings, events and halt."""

from datetime import timedelta
from typing import Any

import pytest

from services.payment.domain import ledger
from services.payment.domain.attempt import Attempt, Report
from services.payment.domain.disbursement import Disbursement, HoldReason, IllegalTransition, State, settle
from services.payment.domain.entitlement import Annulment
from services.payment.domain.report_outcome import ReportOutcome, StateEvent, apply_report
from tests.unit.payment.values import NOW, a_disbursement, an_attempt

ASK_AT, RETRY_AT, RETURNED_AT = (NOW + timedelta(minutes=minutes) for minutes in (15, 60, 90))
AT_PARTNER = a_disbursement(
    state=State.INSTRUCTED, attempt=1, reference="3ABCDEFGHJKMNPQR", partner="gopay", next_check_at=NOW
)


def outcome_of(status: str, reason: str | None = None, *, frozen: bool = False) -> ReportOutcome:
    report = Report("3ABCDEFGHJKMNPQR", status, 600_000, reason, "partner's own", NOW)
    disbursement = AT_PARTNER._replace(frozen=frozen)
    return apply_report(an_attempt(), disbursement, report, ask_at=ASK_AT, retry_at=RETRY_AT)


def test_accepted_report_moves_no_money_and_sets_the_next_status_check() -> None:
    outcome = outcome_of("accepted")
    assert (outcome.disbursement.state, outcome.disbursement.next_check_at) == (State.ACCEPTED, ASK_AT)
    assert (outcome.attempt.accepted_at, outcome.attempt.partner_reference) == (NOW, "partner's own")
    assert outcome.events == (StateEvent(outcome.disbursement),)
    assert (outcome.postings, outcome.decommitted, outcome.halt_reason) == ((), 0, None)


def test_settled_report_posts_the_payment_as_paid() -> None:
    outcome = outcome_of("settled")
    assert (outcome.disbursement.state, outcome.attempt.settled_at) == (State.SETTLED, NOW)
    assert outcome.postings == (ledger.settle(AT_PARTNER),)
    assert outcome.events == (StateEvent(outcome.disbursement),)
    assert (outcome.decommitted, outcome.halt_reason) == (0, None)


@pytest.mark.parametrize(
    ("reason", "held_for", "next_check_at"),
    [
        ("AC04", HoldReason.ACCOUNT_CLOSED, None),
        ("AB05", HoldReason.PARTNER_PAUSED, RETRY_AT),
        ("AM04", HoldReason.HALTED, None),
        ("FRAD", HoldReason.NEEDS_APPROVAL, None),
        (None, HoldReason.PARTNER_REJECTED, None),
    ],
)
def test_rejected_report_returns_the_money_and_holds(
    reason: str | None, held_for: HoldReason, next_check_at: object
) -> None:
    outcome = outcome_of("rejected", reason)
    assert outcome.attempt == an_attempt(rejected_at=NOW, reason=reason, partner_reference="partner's own")
    held = outcome.disbursement
    assert (held.state, held.reason, held.next_check_at) == (State.HELD, held_for, next_check_at)
    assert (outcome.postings, outcome.decommitted) == ((ledger.reject(AT_PARTNER),), 600_000)
    assert [(event.disbursement.state, event.reason) for event in outcome.events] == [
        (State.REJECTED, reason),
        (State.HELD, None),
    ]


def test_rejection_that_blames_the_partner_halts_it() -> None:
    assert outcome_of("rejected", "AM04").halt_reason == "AM04"
    assert outcome_of("rejected", "AM04", frozen=True).halt_reason == "AM04"
    assert outcome_of("rejected", "AC04").halt_reason is None


def test_final_rejection_tells_the_reason_of_the_partner_twice() -> None:
    outcome = outcome_of("rejected", "MD07")
    assert outcome.disbursement.state is State.FAILED
    assert [event.reason for event in outcome.events] == ["MD07", "MD07"]
    assert outcome.decommitted == 600_000


def return_of(reason: str, attempt: Attempt, disbursement: Disbursement, **changes: Any) -> ReportOutcome:
    report = Report("3ABCDEFGHJKMNPQR", "returned", 600_000, reason, None, RETURNED_AT)
    return apply_report(attempt, disbursement, report, ask_at=ASK_AT, retry_at=RETRY_AT, **changes)


@pytest.mark.parametrize("settled_before", [True, False])
def test_returned_report_books_the_payment_back_and_holds(settled_before: bool) -> None:
    attempt = an_attempt(settled_at=NOW if settled_before else None)
    paid = settle(AT_PARTNER)
    outcome = return_of("AC04", attempt, paid if settled_before else AT_PARTNER)
    assert outcome.attempt == attempt._replace(
        settled_at=NOW if settled_before else RETURNED_AT, returned_at=RETURNED_AT, reason="AC04"
    )
    assert (outcome.disbursement.state, outcome.disbursement.reason) == (State.HELD, HoldReason.ACCOUNT_CLOSED)
    first = () if settled_before else (ledger.settle(AT_PARTNER),)
    assert outcome.postings == (*first, *ledger.book_back(paid))
    assert [(event.disbursement.state, event.reason, event.returned_at) for event in outcome.events] == [
        *([] if settled_before else [(State.SETTLED, None, None)]),
        (State.RETURNED, "AC04", RETURNED_AT),
        (State.HELD, None, None),
    ]
    assert (outcome.decommitted, outcome.halt_reason) == (600_000, None)


def test_return_acts_on_its_reason_as_a_rejection_does() -> None:
    later, halting, final = (return_of(reason, an_attempt(), AT_PARTNER) for reason in ("AB05", "AM04", "MD07"))
    assert (later.disbursement.reason, later.disbursement.retry_at) == (HoldReason.PARTNER_PAUSED, RETRY_AT)
    assert (halting.disbursement.reason, halting.halt_reason) == (HoldReason.HALTED, "AM04")
    assert [(event.disbursement.state, event.reason) for event in final.events[1:]] == [
        (State.RETURNED, "MD07"),
        (State.FAILED, "MD07"),
    ]


def test_return_of_an_earlier_attempt_is_told_under_its_number() -> None:
    returned, held = return_of("AC04", an_attempt(settled_at=NOW), settle(AT_PARTNER)._replace(attempt=2)).events
    assert [event.disbursement.attempt for event in (returned, held)] == [1, 2]


def test_return_for_an_annulled_training_is_held_whatever_its_reason() -> None:
    outcome = return_of("MD07", an_attempt(), AT_PARTNER, annulled=Annulment.VOIDED)
    assert outcome.disbursement.state is State.HELD
    assert [event.disbursement.annulled for event in outcome.events] == [None, Annulment.VOIDED, Annulment.VOIDED]


def test_return_of_what_was_rejected_and_confirmed_stays_with_a_person() -> None:
    confirmed = an_attempt(rejected_at=NOW, reason="AM05", settled_at=NOW)
    outcome = return_of("AC04", confirmed, settle(AT_PARTNER))
    assert (outcome.disbursement.reason, outcome.disbursement.frozen) == (HoldReason.NEEDS_APPROVAL, True)


def test_report_on_a_settled_disbursement_is_an_illegal_transition() -> None:
    report = Report("3ABCDEFGHJKMNPQR", "rejected", 600_000, "AC04", None, NOW)
    with pytest.raises(IllegalTransition):
        apply_report(an_attempt(), a_disbursement(state=State.SETTLED), report, ask_at=ASK_AT, retry_at=RETRY_AT)
