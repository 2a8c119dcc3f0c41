"""Attempts: one try to pay under one reference, and the check of a partner's report on it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from services.payment.domain.disbursement import DisbursementKey
from services.payment.domain.reason_codes import FORBIDS_RETRY


class Attempt(NamedTuple):
    """One instruction to one partner under one reference, with the partner's answers.

    `account` is the payee's account, sealed for the partner. `redeem_code`, `benefit` and `number` are None while the
    attempt is only adopted: its instruction was found in our own topic after a restore, and the disbursement it pays
    has not been read again. `account_version` is that of the account it went to, if an event told it.
    """

    reference: str
    lane: int
    partner: str
    amount: int
    account: str
    instructed_at: datetime
    answer_by: datetime
    redeem_code: str | None = None
    benefit: str | None = None
    number: int | None = None
    accepted_at: datetime | None = None
    settled_at: datetime | None = None
    rejected_at: datetime | None = None
    reason: str | None = None
    partner_reference: str | None = None
    account_version: int | None = None

    @property
    def is_only_adopted(self) -> bool:
        return self.redeem_code is None


class Report(NamedTuple):
    """Report of a partner on a reference. `amount` in rupiah; `status` is accepted, settled or rejected."""

    reference: str
    status: str
    amount: int
    reason: str | None
    partner_reference: str | None
    reported_at: datetime


class ReportCheck(StrEnum):
    """Relation of a report to the known state of its attempt."""

    NEW = "new"
    DUPLICATE = "duplicate"
    AMOUNT_MISMATCH = "amount_mismatch"
    CONTRADICTS_FINAL = "contradicts_final"


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Report that does not fit the known state of its reference; its record is parked.

    `attempt` is the number of the latest attempt of the disbursement at that time.
    """

    report: Report
    partner: str
    redeem_code: str
    benefit: str
    attempt: int

    @property
    def disbursement_key(self) -> DisbursementKey:
        return (self.redeem_code, self.benefit)


def classify_report(attempt: Attempt, report: Report) -> ReportCheck:
    """Return how a report relates to the known state of its attempt. The first final report stays valid for ever.

    An `accepted` after it is a duplicate. So is the same rejection once more, unless its reason now forbids another
    attempt.
    """
    if report.amount != attempt.amount:
        return ReportCheck.AMOUNT_MISMATCH
    settled, rejected = attempt.settled_at is not None, attempt.rejected_at is not None
    if report.status == "accepted":
        known = settled or rejected or attempt.accepted_at is not None
    elif report.status == "settled":
        known = settled
    else:
        known = rejected
        if rejected and not settled and report.reason != attempt.reason and report.reason in FORBIDS_RETRY:
            return ReportCheck.CONTRADICTS_FINAL
    if known:
        return ReportCheck.DUPLICATE
    return ReportCheck.CONTRADICTS_FINAL if settled or rejected else ReportCheck.NEW


def record_report(attempt: Attempt, report: Report) -> Attempt:
    """Return the attempt with a new report recorded."""
    partner_reference = report.partner_reference or attempt.partner_reference
    if report.status == "accepted":
        return attempt._replace(accepted_at=report.reported_at, partner_reference=partner_reference)
    if report.status == "settled":
        return attempt._replace(settled_at=report.reported_at, partner_reference=partner_reference)
    return attempt._replace(rejected_at=report.reported_at, reason=report.reason, partner_reference=partner_reference)
