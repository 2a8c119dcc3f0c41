"""Reason codes: the next step after a rejection."""

import pytest

from services.payment.domain.disbursement import HoldReason, State, freeze, hold
from services.payment.domain.reason_codes import (
    MAX_AUTOMATIC_ATTEMPTS,
    REASON_CODES,
    ReportAction,
    Verdict,
    after_rejection,
    hold_again,
    verdict_of,
)
from tests.unit.payment.values import NOW, a_disbursement


def test_settled_is_settled_and_accepted_waits() -> None:
    assert verdict_of("settled", None).action is ReportAction.SETTLED
    assert verdict_of("accepted", None).action is ReportAction.WAIT


def test_unknown_reason_code_is_for_an_operator() -> None:
    assert verdict_of("rejected", "ZZ99") == Verdict(
        ReportAction.HOLD_FOR_PAYEE_OR_OPERATOR, HoldReason.PARTNER_REJECTED
    )


@pytest.mark.parametrize("code", REASON_CODES)
def test_every_reason_leads_to_a_hold_or_to_the_end(code: str) -> None:
    verdict = verdict_of("rejected", code)
    assert len(code) == 4
    assert verdict.action not in {ReportAction.SETTLED, ReportAction.WAIT}
    assert (verdict.reason is None) == (verdict.action is ReportAction.FINAL)
    after = after_rejection(a_disbursement(state=State.ACCEPTED, attempt=1), verdict, NOW)
    assert (after.state, after.reason) == (
        State.FAILED if verdict.action is ReportAction.FINAL else State.HELD,
        verdict.reason,
    )
    assert after.attempt == 1


def test_time_is_not_a_cure_for_ever() -> None:
    tired = a_disbursement(state=State.INSTRUCTED, attempt=MAX_AUTOMATIC_ATTEMPTS)
    assert after_rejection(tired, verdict_of("rejected", "ED05"), NOW).reason is HoldReason.PARTNER_REJECTED


@pytest.mark.parametrize("reason", ["ED05", "AC04", "MS03", "AM04", "MD07"])
def test_frozen_attempt_comes_back_frozen_whatever_the_verdict(reason: str) -> None:
    doubted = freeze(a_disbursement(state=State.INSTRUCTED, attempt=2))
    after = after_rejection(doubted, verdict_of("rejected", reason), NOW)
    assert (after.state, after.reason, after.frozen) == (State.HELD, HoldReason.NEEDS_APPROVAL, True)


@pytest.mark.parametrize("code", sorted({code for code, v in REASON_CODES.items() if v.reason is not None} | {"MS99"}))
@pytest.mark.parametrize("attempt", [1, MAX_AUTOMATIC_ATTEMPTS])
def test_unblock_leaves_what_the_rejection_left(code: str, attempt: int) -> None:
    rejected = after_rejection(
        a_disbursement(state=State.INSTRUCTED, attempt=attempt), verdict_of("rejected", code), NOW
    )
    assert hold_again(hold(rejected, HoldReason.PARTICIPANT_BLOCKED), code, NOW) == rejected


def test_unblock_leaves_one_that_was_never_instructed_to_its_payment() -> None:
    held = a_disbursement(state=State.HELD, reason=HoldReason.PARTICIPANT_BLOCKED)
    assert hold_again(held, None, NOW) is held
