"""Outcome of a partner's report: the state that the disbursement takes, and the postings and events that follow."""

from datetime import datetime
from typing import NamedTuple

from services.payment.domain import ledger
from services.payment.domain.attempt import Attempt, Report, record_report
from services.payment.domain.disbursement import Disbursement, State, accept, book_back, reject, settle
from services.payment.domain.entitlement import Annulment
from services.payment.domain.ledger import Posting
from services.payment.domain.reason_codes import after_rejection, after_return, verdict_of
from services.payment.domain.reason_table import ReportAction, Verdict


class StateEvent(NamedTuple):
    """Event that tells the state of a disbursement. `reason`: the partner's own code, None if it gave none.

    `returned_at`: the time at which its money was returned, if it was.
    """

    disbursement: Disbursement
    reason: str | None = None
    returned_at: datetime | None = None


class ReportOutcome(NamedTuple):
    """Changes that follow from one report. They are saved, posted and emitted together.

    `attempt` and `disbursement` are as the report leaves them. `decommitted`: the rupiah of the attempt that are free
    again. `halt_reason`: the code for which the partner of the attempt is to be halted; None: it is not.
    """

    attempt: Attempt
    disbursement: Disbursement
    events: tuple[StateEvent, ...]
    postings: tuple[Posting, ...] = ()
    decommitted: int = 0
    halt_reason: str | None = None


def apply_report(
    attempt: Attempt,
    disbursement: Disbursement,
    report: Report,
    *,
    ask_at: datetime,
    retry_at: datetime,
    annulled: Annulment | None = None,
) -> ReportOutcome:
    """Return the outcome of a report that `classify_report` finds new, for the disbursement as it stands by now.

    `ask_at`: the next status check of one that is accepted. `retry_at`: the next attempt after a temporary reason.
    `annulled`: of the training whose payment is returned. Raise IllegalTransition when the state does not fit.
    """
    reported = record_report(attempt, report)
    verdict = verdict_of(report.status, report.reason)
    if verdict.action is ReportAction.WAIT:
        accepted = accept(disbursement, ask_at)
        return ReportOutcome(reported, accepted, (StateEvent(accepted),))
    if verdict.action is ReportAction.SETTLED:
        settled = settle(disbursement)
        return ReportOutcome(reported, settled, (StateEvent(settled),), (ledger.settle(disbursement),))
    if report.status == "returned":
        return _book_back(reported, disbursement, verdict, retry_at, annulled)
    return _reject(reported, disbursement, verdict, retry_at)


def _reject(attempt: Attempt, disbursement: Disbursement, verdict: Verdict, retry_at: datetime) -> ReportOutcome:
    after = after_rejection(disbursement, verdict, retry_at)
    final_reason = attempt.reason if after.state is State.FAILED else None
    return ReportOutcome(
        attempt,
        after,
        events=(StateEvent(reject(disbursement), attempt.reason), StateEvent(after, final_reason)),
        postings=(ledger.reject(disbursement),),
        decommitted=disbursement.amount,
        halt_reason=attempt.reason if verdict.action is ReportAction.HALT_PARTNER else None,
    )


def _book_back(
    attempt: Attempt, disbursement: Disbursement, verdict: Verdict, retry_at: datetime, annulled: Annulment | None
) -> ReportOutcome:
    """Return the outcome of a return: settled first, if that was not reported.

    What a person has confirmed against the partner's own word stays with a person.
    """
    settled_before = disbursement.state is State.SETTLED
    paid = disbursement if settled_before else settle(disbursement)
    doubted = disbursement.frozen or attempt.rejected_at is not None
    after = after_return(paid._replace(frozen=doubted), verdict, retry_at, annulled)
    returned = book_back(paid, annulled)._replace(attempt=attempt.number or paid.attempt)
    final_reason = attempt.reason if after.state is State.FAILED else None
    told = (StateEvent(returned, attempt.reason, attempt.returned_at), StateEvent(after, final_reason))
    return ReportOutcome(
        attempt,
        after,
        events=told if settled_before else (StateEvent(paid), *told),
        postings=(*(() if settled_before else (ledger.settle(paid),)), *ledger.book_back(paid)),
        decommitted=disbursement.amount,
        halt_reason=attempt.reason if verdict.action is ReportAction.HALT_PARTNER else None,
    )
