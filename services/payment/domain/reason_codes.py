"""Reason codes: what follows when a partner rejects, or returns a payment, with one of them.

A rejection whose reason says that the outcome is not known is a rejection that contradicts itself: a person decides.
"""

from datetime import datetime

from services.payment.domain.disbursement import Disbursement, HoldReason, book_back, fail, freeze, hold, reject
from services.payment.domain.entitlement import Annulment
from services.payment.domain.reason_table import EITHER, REASONS, ReportAction, Verdict

MAX_AUTOMATIC_ATTEMPTS = 5
NEVER_RECEIVED = "NOOR"
"""Reason that is recorded for `not_found` when the instruction may not be repeated."""
_SETTLED = Verdict(ReportAction.SETTLED)
_WAIT = Verdict(ReportAction.WAIT)
REASON_CODES = {reason.code: reason.verdict for reason in REASONS}


def verdict_of(status: str, reason: str | None) -> Verdict:
    """Return the verdict of a report; `not_found`: of what may not be instructed again."""
    if status == "settled":
        return _SETTLED
    if status == "accepted":
        return _WAIT
    return verdict_of_failure(NEVER_RECEIVED if status == "not_found" else reason)


def verdict_of_failure(reason: str | None) -> Verdict:
    """Return the verdict of a rejection or a return for this reason."""
    return REASON_CODES.get(reason or "", EITHER)


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
