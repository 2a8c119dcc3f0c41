"""Attempts: reports compared with what is known."""

import pytest

from services.payment.domain.attempt import Report, ReportCheck, classify_report, record_report
from tests.unit.payment.values import NOW, an_attempt


def a_report(status: str, amount: int = 600_000) -> Report:
    return Report("3ABCDEFGHJKMNPQR", status, amount, "AC04" if status == "rejected" else None, "P-1", NOW)


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


@pytest.mark.parametrize("status", ["accepted", "settled", "rejected"])
def test_report_of_another_amount_is_a_mismatch(status: str) -> None:
    assert classify_report(an_attempt(), a_report(status, 599_999)) is ReportCheck.AMOUNT_MISMATCH


@pytest.mark.parametrize("status", ["accepted", "settled", "rejected"])
def test_report_leaves_the_reference_of_the_partner(status: str) -> None:
    known = record_report(an_attempt(), a_report(status))
    assert known.partner_reference == "P-1"
    assert record_report(known, a_report(status)._replace(partner_reference=None)).partner_reference == "P-1"
