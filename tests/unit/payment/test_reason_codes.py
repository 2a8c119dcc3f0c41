"""Reason codes: the next step after a rejection."""

import re

import pytest

from deploy.local.paths import ROOT
from services.payment.domain.disbursement import HoldReason, State, freeze, hold
from services.payment.domain.reason_codes import (
    FORBIDS_RETRY,
    MAX_AUTOMATIC_ATTEMPTS,
    NEEDS_REVIEW,
    REASON_CODES,
    after_rejection,
    hold_again,
    verdict_of,
)
from services.payment.domain.reason_table import REASONS, SNAP_ANSWERS, ReportAction, Verdict
from services.payment.reason_page import PAGE, write_page
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


# What must not change by a slip of the table: the codes of each kind that matter most, as the programme reads them.
EXPECTED = {
    ReportAction.HOLD_FOR_OPERATOR: "AM05 DUPL DU01 DU02 DU03 DU04 DU05 RF01 FR01 FRAD RR04 AM07 AM09 CUST FOCR DS02",
    ReportAction.HOLD_FOR_PAYEE: "AC01 AC03 AC04 AC06 AC07 AC14 BE01 BE06 BE23 CNOR RC04 AM02 AM14 AM21",
    ReportAction.RETRY_LATER: "AB01 AB02 AB03 AB05 AB06 AB08 AG11 AM23 ED05 ED06 FF10 TM01 DT05",
    ReportAction.HALT_PARTNER: "AC02 AC05 AG01 AG08 AG10 AM04 DNOR RC03 RR01 RR02",
    ReportAction.FINAL: "LEGL MD07",
    ReportAction.HOLD_FOR_PAYEE_OR_OPERATOR: "MS02 MS03 NARR MD06 CURR FF01 RR03 ZZ99",
}
# Rejected, with a reason that says that the payment may have been made, or is under way.
CONTRADICTORY = "G000 G001 G002 G003 G004 G005 G006 S000 S001 S002 S003 S004 DS01 DS05 DS06 DS07 TS01 CH19 DT06"
# The response codes of SNAP that say nothing final, and those that arrive as a reason.
SNAP_UNKNOWN = "202xx00 403xx16 404xx18 409xx00 409xx01 500xx00 500xx01 504xx00"
SNAP_REASONS = {
    "403xx09": "AC06", "403xx18": "AC04", "404xx11": "AC01", "403xx02": "AM02", "403xx23": "AM14", "403xx04": "AM23",
    "403xx05": "FR01", "403xx03": "FR01", "403xx14": "AM04", "403xx06": "TM01", "429xx00": "TM01", "400xx..": "FF02",
    "401xx..": "AG08",
}  # fmt: skip


@pytest.mark.parametrize(("action", "code"), [(a, c) for a, codes in EXPECTED.items() for c in codes.split()])
def test_codes_that_matter_have_the_verdict_of_their_kind(action: ReportAction, code: str) -> None:
    assert verdict_of("rejected", code).action is verdict_of("returned", code).action is action


@pytest.mark.parametrize("code", CONTRADICTORY.split())
def test_rejection_that_says_the_outcome_is_unknown_goes_to_an_operator(code: str) -> None:
    after = after_rejection(a_disbursement(state=State.ACCEPTED, attempt=1), verdict_of("rejected", code), NOW)
    assert (after.reason, after.frozen, after.retry_at) == (HoldReason.NEEDS_APPROVAL, True, None)
    assert code in FORBIDS_RETRY


def test_no_code_is_listed_twice() -> None:
    assert len(REASON_CODES) == len(REASONS)
    snap = [code for reason in REASONS for code in reason.snap] + [answer.code for answer in SNAP_ANSWERS]
    assert len(set(snap)) == len(snap)


def test_every_answer_of_snap_has_its_row() -> None:
    assert {code: reason.code for reason in REASONS for code in reason.snap} == SNAP_REASONS
    assert {a.code: a.action for a in SNAP_ANSWERS} == {
        "200xx00": ReportAction.SETTLED,
        **dict.fromkeys(SNAP_UNKNOWN.split(), ReportAction.WAIT),
    }
    assert all(answer.report in ("settled", "accepted", None) for answer in SNAP_ANSWERS)


def test_published_page_is_that_of_the_table() -> None:
    assert PAGE.read_text() == write_page()


def test_migration_reviews_what_the_table_has_learned_to_review() -> None:
    migration = (ROOT / "services/payment/migrations/0027_reasons_to_review.sql").read_text()
    learned = set(re.findall(r"'(\w{4})'", migration))
    assert learned | {"AM05", "FR01", "FRAD", "RR04"} == NEEDS_REVIEW
