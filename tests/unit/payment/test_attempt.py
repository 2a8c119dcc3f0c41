"""Attempts: reports compared with what is known."""

from datetime import datetime, timedelta

import pytest

from services.payment.domain.attempt import (
    LONGEST_INTERVAL,
    Attempt,
    Report,
    ReportCheck,
    classify_report,
    may_be_repeated,
    record_repeat,
    record_report,
    status_interval,
)
from services.payment.domain.claim import Claim, ClaimReason, ClaimState
from services.payment.domain.disbursement import State
from tests.unit.payment.values import NOW, a_disbursement, an_attempt


def a_report(status: str, amount: int = 600_000) -> Report:
    return Report(
        "3ABCDEFGHJKMNPQR", status, amount, "AC04" if status in ("rejected", "returned") else None, "P-1", NOW
    )


@pytest.mark.parametrize(
    ("known", "status", "judgement"),
    [
        (None, "accepted", ReportCheck.NEW),
        (None, "settled", ReportCheck.NEW),
        (None, "rejected", ReportCheck.NEW),
        ("accepted", "accepted", ReportCheck.DUPLICATE),
        ("accepted", "settled", ReportCheck.NEW),
        ("accepted", "rejected", ReportCheck.NEW),
        ("settled", "accepted", ReportCheck.DUPLICATE),
        ("settled", "settled", ReportCheck.DUPLICATE),
        ("settled", "rejected", ReportCheck.CONTRADICTS_FINAL),
        ("rejected", "accepted", ReportCheck.DUPLICATE),
        ("rejected", "settled", ReportCheck.CONTRADICTS_FINAL),
        ("rejected", "rejected", ReportCheck.DUPLICATE),
        (None, "returned", ReportCheck.NEW),
        ("accepted", "returned", ReportCheck.NEW),
        ("settled", "returned", ReportCheck.NEW),
        ("rejected", "returned", ReportCheck.CONTRADICTS_FINAL),
        ("returned", "accepted", ReportCheck.DUPLICATE),
        ("returned", "settled", ReportCheck.DUPLICATE),
        ("returned", "returned", ReportCheck.DUPLICATE),
        ("returned", "rejected", ReportCheck.CONTRADICTS_FINAL),
    ],
)
def test_the_first_final_word_holds_for_ever(known: str | None, status: str, judgement: ReportCheck) -> None:
    attempt = record_report(an_attempt(), a_report(known)) if known else an_attempt()
    assert classify_report(attempt, a_report(status)) is judgement


@pytest.mark.parametrize(
    ("reason", "judgement"),
    [
        ("AC04", ReportCheck.DUPLICATE),
        ("ED05", ReportCheck.DUPLICATE),
        ("AM05", ReportCheck.CONTRADICTS_FINAL),
        ("LEGL", ReportCheck.CONTRADICTS_FINAL),
    ],
)
def test_repeated_rejection_contradicts_only_if_it_now_forbids_retry(reason: str, judgement: ReportCheck) -> None:
    rejected = record_report(an_attempt(), a_report("rejected"))
    assert classify_report(rejected, a_report("rejected")._replace(reason=reason)) is judgement
    paid_after_all = rejected._replace(settled_at=NOW)
    assert classify_report(paid_after_all, a_report("rejected")._replace(reason=reason)) is ReportCheck.DUPLICATE


@pytest.mark.parametrize(
    ("reason", "state", "judgement"),
    [
        (ClaimReason.VOIDED, ClaimState.OPEN, ReportCheck.NEW),
        (ClaimReason.CONTRADICTED, ClaimState.OPEN, ReportCheck.NEW),
        (ClaimReason.VOIDED, ClaimState.REPAID, ReportCheck.CONTRADICTS_FINAL),
        (ClaimReason.CONTRADICTED, ClaimState.REPAID, ReportCheck.CONTRADICTS_FINAL),
    ],
)
def test_only_what_is_not_repaid_can_be_returned(
    reason: ClaimReason, state: ClaimState, judgement: ReportCheck
) -> None:
    status = "rejected" if reason is ClaimReason.CONTRADICTED else "settled"
    attempt = record_report(an_attempt(), a_report(status))
    claim = Claim(a_disbursement(state=State.SETTLED), 1, reason, NOW, NOW, state)
    assert classify_report(attempt, a_report("returned"), claim) is judgement


def test_return_of_what_was_rejected_contradicts_unless_it_is_double() -> None:
    rejected = record_report(an_attempt(), a_report("rejected"))
    for_void = Claim(a_disbursement(state=State.SETTLED), 1, ClaimReason.VOIDED, NOW, NOW)
    assert classify_report(rejected, a_report("returned"), for_void) is ReportCheck.CONTRADICTS_FINAL
    confirmed = rejected._replace(settled_at=NOW)
    assert classify_report(confirmed, a_report("returned")) is ReportCheck.NEW


@pytest.mark.parametrize(
    ("reason", "judgement"), [("AC01", ReportCheck.DUPLICATE), ("FRAD", ReportCheck.CONTRADICTS_FINAL)]
)
def test_repeated_return_contradicts_only_if_it_now_forbids_retry(reason: str, judgement: ReportCheck) -> None:
    returned = record_report(an_attempt(), a_report("returned"))
    assert classify_report(returned, a_report("returned")._replace(reason=reason)) is judgement


@pytest.mark.parametrize(("known", "reason"), [("settled", "AC04"), ("rejected", "AM05")])
def test_return_keeps_what_was_reported_before(known: str, reason: str) -> None:
    before = record_report(an_attempt(), a_report(known)._replace(reason="AM05"))
    returned = record_report(before, a_report("returned")._replace(reported_at=NOW + timedelta(days=2)))
    expected: Attempt = before._replace(
        settled_at=before.settled_at or NOW + timedelta(days=2), returned_at=NOW + timedelta(days=2), reason=reason
    )
    assert returned == expected


def test_attempt_is_only_adopted_while_its_training_is_not_known() -> None:
    assert an_attempt(redeem_code=None, benefit=None, number=None).is_only_adopted
    assert not an_attempt().is_only_adopted


@pytest.mark.parametrize("status", ["accepted", "settled", "rejected", "returned"])
def test_report_of_another_amount_is_a_mismatch(status: str) -> None:
    assert classify_report(an_attempt(), a_report(status, 599_999)) is ReportCheck.AMOUNT_MISMATCH


@pytest.mark.parametrize("status", ["accepted", "settled", "rejected"])
def test_report_leaves_the_reference_of_the_partner(status: str) -> None:
    known = record_report(an_attempt(), a_report(status))
    assert known.partner_reference == "P-1"
    assert record_report(known, a_report(status)._replace(partner_reference=None)).partner_reference == "P-1"


@pytest.mark.parametrize(
    ("waited", "interval"), [(0, 1), (1, 1), (1.99, 1), (2, 2), (3.99, 2), (4, 4), (95, 64), (10_000, 64)]
)
def test_intervals_of_status_requests_double_up_to_a_day(waited: float, interval: int) -> None:
    within = timedelta(minutes=20)
    attempt = an_attempt()._replace(instructed_at=NOW - waited * within)
    assert status_interval(attempt, NOW, within) == interval * within <= LONGEST_INTERVAL


def test_partner_with_more_time_to_answer_is_asked_no_earlier() -> None:
    within = 2 * LONGEST_INTERVAL
    attempt = an_attempt()._replace(instructed_at=NOW - 9 * within)
    assert status_interval(attempt, NOW, within) == within


LATER, MEMORY = NOW + timedelta(hours=1), timedelta(days=60)


@pytest.mark.parametrize(
    ("changes", "judgement"),
    [
        ({}, ReportCheck.DUPLICATE),
        ({"asked_at": NOW}, ReportCheck.NEW),
        ({"asked_at": NOW, "accepted_at": NOW}, ReportCheck.NEW),
        ({"asked_at": NOW, "not_found_at": NOW - timedelta(seconds=1)}, ReportCheck.NEW),
        ({"asked_at": NOW, "not_found_at": NOW}, ReportCheck.DUPLICATE),
        ({"asked_at": NOW, "not_found_at": LATER}, ReportCheck.DUPLICATE),
        ({"not_found_at": NOW - timedelta(seconds=1)}, ReportCheck.DUPLICATE),
        ({"asked_at": NOW, "rejected_at": NOW}, ReportCheck.DUPLICATE),
        ({"settled_at": NOW}, ReportCheck.CONTRADICTS_FINAL),
        ({"asked_at": NOW, "settled_at": NOW}, ReportCheck.CONTRADICTS_FINAL),
        ({"settled_at": NOW, "returned_at": NOW}, ReportCheck.CONTRADICTS_FINAL),
        ({"rejected_at": NOW, "settled_at": NOW}, ReportCheck.CONTRADICTS_FINAL),
    ],
)
def test_not_found_counts_once_after_each_request(changes: dict[str, datetime], judgement: ReportCheck) -> None:
    assert classify_report(an_attempt(**changes), a_report("not_found", 0)) is judgement


def test_repeated_instruction_must_be_asked_for_again() -> None:
    report = a_report("not_found", 0)
    repeated = record_repeat(an_attempt(asked_at=NOW), report)
    assert classify_report(repeated, report._replace(reported_at=LATER)) is ReportCheck.DUPLICATE
    assert classify_report(repeated._replace(asked_at=LATER), report) is ReportCheck.DUPLICATE


@pytest.mark.parametrize(
    ("age", "frozen", "may"),
    [
        (timedelta(0), False, True),
        (MEMORY - timedelta(microseconds=1), False, True),
        (MEMORY, False, False),
        (timedelta(0), True, False),
        # Our own clock was set back.
        (-timedelta(days=1), False, True),
    ],
)
def test_instruction_is_repeated_within_the_memory_of_its_partner(age: timedelta, frozen: bool, may: bool) -> None:
    disbursement = a_disbursement(state=State.INSTRUCTED, frozen=frozen)
    assert may_be_repeated(an_attempt(), disbursement, NOW + age, MEMORY) is may


def test_what_is_not_found_for_ever_is_rejected_as_never_received() -> None:
    rejected = record_report(an_attempt(asked_at=NOW), a_report("not_found", 0))
    assert (rejected.rejected_at, rejected.not_found_at, rejected.reason) == (NOW, NOW, "NOOR")
    assert classify_report(rejected, a_report("settled")) is ReportCheck.CONTRADICTS_FINAL
    assert classify_report(rejected, a_report("rejected")) is ReportCheck.DUPLICATE
