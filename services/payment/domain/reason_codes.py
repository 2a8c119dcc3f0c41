"""Reason codes of ISO 20022: what follows when a partner rejects, or returns a payment, with one of them.

Partners that speak SNAP translate at their end: 403..09, ..18 and 404..11 arrive as AC06, AC04 and AC01, 403..02 and
..23 as AM02 and AM14, 403..14 as AM04, 403..06 as TM01. A rejection without a reason, or with one that the table does
not know, is cured by another account or by an operator.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.payment.domain.disbursement import Disbursement, HoldReason, book_back, fail, freeze, hold, reject
from services.payment.domain.entitlement import Annulment

MAX_AUTOMATIC_ATTEMPTS = 5
NEVER_RECEIVED = "NOOR"
"""The reason that is recorded for `not_found` when the instruction may not be repeated."""


class ReportAction(StrEnum):
    """Action that follows from a report."""

    SETTLED = "settled"
    WAIT = "wait"
    RETRY_LATER = "retry_later"
    HOLD_FOR_PAYEE = "hold_for_payee"
    HOLD_FOR_PAYEE_OR_OPERATOR = "hold_for_payee_or_operator"
    HOLD_FOR_OPERATOR = "hold_for_operator"
    HALT_PARTNER = "halt_partner"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Action after a report, and the hold reason if it leads to a hold."""

    action: ReportAction
    reason: HoldReason | None = None


_INVALID = Verdict(ReportAction.HOLD_FOR_PAYEE, HoldReason.ACCOUNT_INVALID)
_CLOSED = Verdict(ReportAction.HOLD_FOR_PAYEE, HoldReason.ACCOUNT_CLOSED)
_FULL = Verdict(ReportAction.HOLD_FOR_PAYEE, HoldReason.ACCOUNT_FULL)
_LATER = Verdict(ReportAction.RETRY_LATER, HoldReason.PARTNER_PAUSED)
_EITHER = Verdict(ReportAction.HOLD_FOR_PAYEE_OR_OPERATOR, HoldReason.PARTNER_REJECTED)
_OPERATOR = Verdict(ReportAction.HOLD_FOR_OPERATOR, HoldReason.NEEDS_APPROVAL)
_HALT_PARTNER = Verdict(ReportAction.HALT_PARTNER, HoldReason.HALTED)
_FINAL = Verdict(ReportAction.FINAL)
_SETTLED = Verdict(ReportAction.SETTLED)
_WAIT = Verdict(ReportAction.WAIT)

REASON_CODES: dict[str, Verdict] = {
    "AC01": _INVALID,  # incorrect account number
    "AC02": _HALT_PARTNER,  # our own account at the partner is invalid
    "AC03": _INVALID,  # invalid creditor account number
    "AC04": _CLOSED,  # closed account number
    "AC05": _HALT_PARTNER,  # our own account at the partner is closed
    "AC06": _INVALID,  # blocked or dormant account
    "AC07": _CLOSED,  # closed creditor account number
    "AC14": _INVALID,  # invalid creditor account type
    "BE01": _INVALID,  # the account belongs to another name
    "BE06": _INVALID,  # the partner does not know the customer
    "AM02": _FULL,  # more than this account may receive at once
    "AM14": _FULL,  # more than was agreed with the customer
    "AM21": _FULL,  # the account's limit is exceeded
    "AB03": _LATER,  # settlement timed out and was aborted
    "AB05": _LATER,  # the creditor's bank timed out
    "AB06": _LATER,  # an instructed bank timed out
    "AB08": _LATER,  # the creditor's bank is offline
    "AG11": _LATER,  # the creditor's bank is suspended
    "AM23": _LATER,  # the settlement limit is exceeded
    "ED05": _LATER,  # settlement failed
    "ED06": _LATER,  # the settlement system is not available
    "TM01": _LATER,  # after the cut-off time
    "AG01": _HALT_PARTNER,  # we may not do this kind of transaction
    "AG10": _HALT_PARTNER,  # our own bank is suspended
    "AM04": _HALT_PARTNER,  # our own account is short
    "AM05": _OPERATOR,  # a duplicate, says the partner: a person must compare before it is instructed again
    "FR01": _OPERATOR,  # suspected fraud
    "FRAD": _OPERATOR,  # fraudulent origin
    "MS02": _EITHER,  # refused by the customer, no reason given
    "MS03": _EITHER,  # refused by the bank, no reason given
    NEVER_RECEIVED: _OPERATOR,  # no original transaction received: it may have been paid and forgotten
    "RR04": _OPERATOR,  # regulatory reason
    "LEGL": _FINAL,  # a court or the law forbids it
    "MD07": _FINAL,  # the creditor has died
}


def verdict_of(status: str, reason: str | None) -> Verdict:
    """Return the verdict of a report; `not_found`: of what may not be instructed again."""
    if status == "settled":
        return _SETTLED
    if status == "accepted":
        return _WAIT
    return verdict_of_failure(NEVER_RECEIVED if status == "not_found" else reason)


def verdict_of_failure(reason: str | None) -> Verdict:
    """Return the verdict of a rejection or a return for this reason."""
    return REASON_CODES.get(reason or "", _EITHER)


NEEDS_REVIEW = frozenset(
    code for code, verdict in REASON_CODES.items() if verdict.action is ReportAction.HOLD_FOR_OPERATOR
)
"""Reason codes after which a person must review the payment before another attempt."""
FINAL_REASONS = frozenset(code for code, verdict in REASON_CODES.items() if verdict.action is ReportAction.FINAL)
"""Reason codes after which the payment can never be made."""
FORBIDS_RETRY = NEEDS_REVIEW | FINAL_REASONS


def after_rejection(disbursement: Disbursement, verdict: Verdict, retry_at: datetime) -> Disbursement:
    """Return the disbursement after its attempt was rejected. Never a new attempt: that takes a cure as well.

    A reason that passes by itself is tried again at `retry_at`, up to MAX_AUTOMATIC_ATTEMPTS. A frozen one stays
    frozen, whatever the verdict. One that is annulled, or past its cut-off, is held even for a reason that is final,
    and so is cancelled or forfeited.
    """
    return _follow(reject(disbursement), verdict, retry_at)


def after_return(
    disbursement: Disbursement, verdict: Verdict, retry_at: datetime, annulled: Annulment | None
) -> Disbursement:
    """Return a paid disbursement after its money was returned: held or failed, as after a rejection."""
    return _follow(book_back(disbursement, annulled), verdict, retry_at)


def hold_again(disbursement: Disbursement, code: str | None, retry_at: datetime) -> Disbursement:
    """Return a disbursement whose participant was unblocked as the failure of its latest attempt left it.

    `code` is the reason of its rejection or return. Before the first attempt it is left as it is: what else is in its
    way is found when it is paid.
    """
    if disbursement.frozen:
        return hold(disbursement, HoldReason.NEEDS_APPROVAL)
    return _follow(disbursement, verdict_of_failure(code), retry_at) if disbursement.attempt else disbursement


def _follow(came_back: Disbursement, verdict: Verdict, retry_at: datetime) -> Disbursement:
    if came_back.frozen or verdict.action is ReportAction.HOLD_FOR_OPERATOR:
        return freeze(came_back)
    if verdict.action is ReportAction.FINAL and came_back.annulled is None and not came_back.past_cut_off:
        return fail(came_back)
    if verdict.action is not ReportAction.RETRY_LATER:
        return hold(came_back, verdict.reason or HoldReason.PARTNER_REJECTED)
    if came_back.attempt >= MAX_AUTOMATIC_ATTEMPTS:
        return hold(came_back, HoldReason.PARTNER_REJECTED)
    return hold(came_back, HoldReason.PARTNER_PAUSED, next_check_at=retry_at)
