"""Reports of partners on attempts, and what two persons decide about payments that are frozen."""

from datetime import timedelta

from services.payment.domain.attempt import (
    Attempt,
    Contradiction,
    Report,
    ReportCheck,
    classify_report,
    may_be_repeated,
    record_repeat,
    record_report,
)
from services.payment.domain.claim import ClaimReason, ClaimState
from services.payment.domain.disbursement import Disbursement, HoldReason, State
from services.payment.domain.reason_codes import FORBIDS_RETRY
from services.payment.domain.report_outcome import apply_report
from tests.model.rules.payouts import Payouts

PARTNER_MEMORY = timedelta(days=60)


def receive(payouts: Payouts, report: Report, partner: str | None = None) -> None:
    """Apply a report that is new; note what one contradicts that does not fit its attempt.

    `partner`: the one that sent it, if not the one that was instructed. It is halted then.
    """
    attempt = payouts.attempts.get(report.reference)
    if attempt is None or (partner or attempt.partner) != attempt.partner:
        payouts.halts.add(str(partner))
        if attempt is not None and report.status != "rejected":
            _contradict(payouts, attempt, report, str(partner))
        return
    if report.status == "not_found":
        attempt = attempt._replace(asked_at=payouts.now)
    key = (str(attempt.redeem_code), str(attempt.benefit))
    match classify_report(attempt, report, payouts.standing_claim(report.reference)):
        case ReportCheck.NEW:
            _apply(payouts, attempt, payouts.disbursements[key], report)
        case ReportCheck.CONTRADICTS_FINAL:
            _contradict(payouts, attempt, report, attempt.partner)
        case ReportCheck.AMOUNT_MISMATCH if report.status != "rejected" or report.reason in FORBIDS_RETRY:
            _contradict(payouts, attempt, report, attempt.partner)
        case _:
            return
    payouts.claim_doubles(key)
    if payouts.disbursements[key].state is State.HELD:
        payouts.pay([payouts.disbursements[key]])
    payouts.return_unused()


def _apply(payouts: Payouts, attempt: Attempt, known: Disbursement, report: Report) -> None:
    if report.status == "returned" and attempt.rejected_at is not None and attempt.settled_at is None:
        payouts.attempts[attempt.reference] = record_report(attempt, report)
        payouts.withdraw([claim] if (claim := payouts.standing_claim(attempt.reference)) else [])
        return
    if report.status == "not_found" and may_be_repeated(attempt, known, payouts.now, PARTNER_MEMORY):
        payouts.attempts[attempt.reference] = record_repeat(attempt, report)
        return
    annulled = payouts.annulment(known.redeem_code)
    marked = known._replace(past_cut_off=payouts.is_cut_off)
    retry_at = payouts.now + payouts.retry_after
    outcome = apply_report(attempt, marked, report, ask_at=payouts.now, retry_at=retry_at, annulled=annulled)
    payouts.attempts[attempt.reference], after = outcome.attempt, outcome.disbursement
    payouts.told += [(after.key, event.disbursement.state) for event in outcome.events]
    payouts.disbursements[after.key] = after
    payouts.post(*outcome.postings)
    if outcome.halt_reason:
        payouts.halts.add(attempt.partner)
    if outcome.decommitted:
        payouts.give_back(after)
    if after.state is State.SETTLED:
        payouts.note_settled(after, report.reported_at)
    if report.status == "returned":
        _follow_return(payouts, after)


def _follow_return(payouts: Payouts, returned: Disbursement) -> None:
    """Withdraw the claims on what came back, and freeze what was contradicted before, unless that was approved."""
    key = returned.key
    standing = [one for one in payouts.claims if one.state is ClaimState.OPEN and one.disbursement.key == key]
    payouts.withdraw(
        one
        for one in standing
        if one.disbursement.reference == returned.reference or one.reason is ClaimReason.CONTRADICTED
    )
    approved_since = max(payouts.approvals[key], default=0)
    doubts = [one for one in payouts.contradictions if one.disbursement_key == key and one.attempt >= approved_since]
    if doubts and returned.state is State.HELD and not returned.frozen:
        payouts.freeze(returned)


def _contradict(payouts: Payouts, attempt: Attempt, report: Report, partner: str) -> None:
    """Note a contradiction, unless it is known already."""
    said = (partner, report.reference, report.status, report.amount, report.reason)
    known = [(one.partner, *one.report[:4]) for one in payouts.contradictions]
    if said not in known:
        key = (str(attempt.redeem_code), str(attempt.benefit))
        now = payouts.disbursements[key].attempt
        payouts.contradict(Contradiction(report, partner, *key, now))


def decide(payouts: Payouts) -> bool:
    """Let two persons find out about each frozen payment; return True if there was any.

    They confirm that it was paid if a partner has paid it, and else approve another attempt. What is held for a block
    waits for its end, unless it would not be paid at all.
    """
    waiting = [d for d in payouts.held if d.frozen and _may_be_approved(payouts, d)]
    for known in waiting:
        attempts = [one for one in payouts.attempts.values() if (one.redeem_code, one.benefit) == known.key]
        paid = [one for one in attempts if one.reference in payouts.partners.paid]
        if paid:
            payouts.confirm(known, paid[0])
        else:
            payouts.approve(known)
    payouts.return_unused()
    return bool(waiting)


def _may_be_approved(payouts: Payouts, known: Disbursement) -> bool:
    ends = known.annulled is not None or payouts.is_cut_off
    return known.reason is HoldReason.NEEDS_APPROVAL or ends
