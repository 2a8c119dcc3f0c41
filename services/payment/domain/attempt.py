"""Attempts: one try to pay under one reference, and the check of a partner's report on it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from services.payment.domain.claim import Claim, ClaimReason, ClaimState
from services.payment.domain.disbursement import Disbursement, DisbursementKey
from services.payment.domain.reason_codes import FORBIDS_RETRY, NEVER_RECEIVED

# A partner that is silent for long is asked once a day.
LONGEST_INTERVAL = timedelta(days=1)


class Attempt(NamedTuple):
    """One instruction to one partner under one reference, with the partner's answers.

    `account` is the payee's account, sealed for the partner. `redeem_code`, `benefit` and `number` are None while the
    attempt is only adopted: its instruction was found in our own topic after a restore, and the disbursement it pays
    has not been read again. `account_version` is that of the account it went to, if an event told it. `reason` is the
    partner's own, of its rejection or return. `asked_at`: the latest request for its status, None once the instruction
    was repeated since. `not_found_at`: the partner's time of the latest `not_found` that counted.
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
    returned_at: datetime | None = None
    reason: str | None = None
    partner_reference: str | None = None
    account_version: int | None = None
    asked_at: datetime | None = None
    not_found_at: datetime | None = None

    @property
    def is_only_adopted(self) -> bool:
        return self.redeem_code is None


class Report(NamedTuple):
    """Report of a partner on a reference. `amount` in rupiah, 0 with `not_found`, which names none."""

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


def classify_report(attempt: Attempt, report: Report, claim: Claim | None = None) -> ReportCheck:
    """Return how a report relates to the known state of its attempt. The first final report stays valid for ever.

    An `accepted` after it is a duplicate. So is the same failure once more, unless its reason now forbids another
    attempt. Only what was paid can be returned, and not if it was repaid. `claim`: the one on this reference that was
    not withdrawn.
    """
    if report.status == "not_found":
        return _classify_not_found(attempt, report)
    if report.amount != attempt.amount:
        return ReportCheck.AMOUNT_MISMATCH
    if is_known(attempt, report):
        return ReportCheck.CONTRADICTS_FINAL if _now_forbids_retry(attempt, report) else ReportCheck.DUPLICATE
    settled, rejected = attempt.settled_at is not None, attempt.rejected_at is not None
    if report.status == "returned":
        repaid = claim is not None and claim.state is ClaimState.REPAID
        paid_besides = claim is not None and claim.reason is ClaimReason.CONTRADICTED
        contradicts = repaid or (rejected and not settled and not paid_besides)
    else:
        contradicts = settled or rejected
    return ReportCheck.CONTRADICTS_FINAL if contradicts else ReportCheck.NEW


def _classify_not_found(attempt: Attempt, report: Report) -> ReportCheck:
    """Return how `not_found` relates to an attempt. It counts once for each status request, and each only once."""
    if attempt.settled_at is not None:
        return ReportCheck.CONTRADICTS_FINAL
    newer = attempt.not_found_at is None or report.reported_at > attempt.not_found_at
    counts = attempt.rejected_at is None and attempt.asked_at is not None and newer
    return ReportCheck.NEW if counts else ReportCheck.DUPLICATE


def may_be_repeated(attempt: Attempt, disbursement: Disbursement, now: datetime, partner_memory: timedelta) -> bool:
    """Return True if an instruction that its partner does not know may be sent again under the same reference.

    The partner must still remember what it paid under a reference so old, and must not have contradicted itself.
    """
    return now - attempt.instructed_at < partner_memory and not disbursement.frozen


def record_repeat(attempt: Attempt, report: Report) -> Attempt:
    """Return the attempt with its instruction repeated for this `not_found`."""
    return attempt._replace(asked_at=None, not_found_at=report.reported_at)


def is_known(attempt: Attempt, report: Report) -> bool:
    """Return True if the partner has reported this status of the attempt before; `accepted` also after a final one."""
    match report.status:
        case "not_found":
            return False
        case "accepted":
            known = attempt.accepted_at or attempt.settled_at or attempt.rejected_at
        case "settled":
            known = attempt.settled_at
        case "rejected":
            known = attempt.rejected_at
        case _:
            known = attempt.returned_at
    return known is not None


def _now_forbids_retry(attempt: Attempt, report: Report) -> bool:
    """Return True for a failure that is known, and is repeated with a reason that forbids another attempt."""
    open_rejection = report.status == "rejected" and attempt.settled_at is None
    worse = report.reason != attempt.reason and report.reason in FORBIDS_RETRY
    return worse and (open_rejection or report.status == "returned")


def record_report(attempt: Attempt, report: Report) -> Attempt:
    """Return the attempt with a new report recorded. What is returned was settled by then.

    Of one that was rejected, and paid all the same, nothing but the return is recorded. One that was not found, and may
    not be repeated, is rejected as never received.
    """
    at = report.reported_at
    if report.status == "returned" and attempt.rejected_at is not None:
        return attempt._replace(settled_at=attempt.settled_at or at, returned_at=at)
    theirs = report.partner_reference or attempt.partner_reference
    if report.status == "accepted":
        return attempt._replace(partner_reference=theirs, accepted_at=at)
    if report.status == "settled":
        return attempt._replace(partner_reference=theirs, settled_at=at)
    if report.status == "not_found":
        return attempt._replace(rejected_at=at, not_found_at=at, reason=NEVER_RECEIVED)
    if report.status == "rejected":
        return attempt._replace(partner_reference=theirs, rejected_at=at, reason=report.reason)
    return attempt._replace(
        partner_reference=theirs, settled_at=attempt.settled_at or at, returned_at=at, reason=report.reason
    )


def status_interval(attempt: Attempt, now: datetime, answer_within: timedelta) -> timedelta:
    """Return how long after a request for an attempt's status its partner is asked again.

    The interval is `answer_within` at first, and doubles as often as the time since the instruction does, up to
    LONGEST_INTERVAL.
    """
    waited = now - attempt.instructed_at
    interval = answer_within
    while 2 * interval <= min(waited, LONGEST_INTERVAL):
        interval *= 2
    return interval
