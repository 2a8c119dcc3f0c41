"""What partners report about references, judged against what they were told."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.payment.context import Context
from services.payment.domain import ledger
from services.payment.domain.attempt import Attempt, Contradiction, Report, ReportCheck, classify_report, record_report
from services.payment.domain.disbursement import PAID_OR_UNDER_WAY, Disbursement, State, accept, reject, settle
from services.payment.domain.funds import Allotment
from services.payment.domain.ledger import Posting
from services.payment.domain.reason_codes import FORBIDS_RETRY, ReportAction, after_rejection, verdict_of
from services.payment.handlers.contradictions import record_contradictions
from services.payment.handlers.halts import halt_partner
from services.payment.payout.disbursements import Change, save_answered, save_changes
from services.payment.payout.events import emit_state
from services.payment.payout.funds import decommit_funds
from services.payment.payout.ledger import post
from services.payment.payout.pay import pay
from services.payment.store.attempts import load_attempts_with_disbursements, save_rejections
from shared.contracts.park_reasons import ParkReason
from shared.contracts.partner import DisbursementReported
from shared.contracts.topics import PARTNERS, disbursement_reports
from shared.messaging.message import Message
from shared.messaging.transaction.transaction import Transaction

DEFERRED_FOR_REFERENCE = "reference"
DEFERRED_FOR_CATCHING_UP = "catching_up"
MONEY_MAY_HAVE_MOVED = ("accepted", "settled")
PARTNER_OF = {disbursement_reports(partner): partner for partner in PARTNERS}


@dataclass(slots=True)
class BatchChanges:
    """What the reports of a batch change. `known` are the rights that they speak of, as loaded."""

    attempts: dict[str, Attempt] = field(default_factory=dict)
    changes: dict[tuple[str, str], Change] = field(default_factory=dict)
    postings: list[Posting] = field(default_factory=list)
    decommitted: Counter[Allotment] = field(default_factory=Counter)
    halt_reasons: dict[str, set[str]] = field(default_factory=dict)
    answers: list[tuple[str, str, float]] = field(default_factory=list)
    traces: dict[tuple[str, str], str | None] = field(default_factory=dict)
    known: dict[tuple[str, str], Disbursement] = field(default_factory=dict)
    contradictions: list[Contradiction] = field(default_factory=list)


async def process_reports(context: Context, tx: Transaction, messages: Sequence[Message[DisbursementReported]]) -> None:
    """Takes in what partners say. A payment that we never asked a partner for stops it."""
    known_attempts = await load_attempts_with_disbursements(tx.connection, {m.data.reference for m in messages})
    batch, unmatched = BatchChanges(), []
    for message in messages:
        attempt, disbursement = known_attempts.get(message.data.reference, (None, None))
        if attempt is None:
            unmatched.append(message)
            continue
        attempt = batch.attempts.get(attempt.reference, attempt)
        if attempt.is_only_adopted:
            tx.defer(message, DEFERRED_FOR_REFERENCE, attempt.reference)
            continue
        if disbursement is None:
            raise LookupError(f"{attempt.reference} pays no right")
        key, report = disbursement.key, _report(message.data)
        if attempt.partner != _partner(message):
            unmatched.append(message)
            if report.status in MONEY_MAY_HAVE_MOVED:
                _add_contradiction(batch, message, disbursement, report)
        elif _accepts(tx, batch, message, attempt, disbursement, report):
            batch.traces[key] = message.trace
            batch.answers.append((attempt.partner, report.status, _seconds_to_answer(tx, attempt)))
            batch.attempts[attempt.reference] = record_report(attempt, report)
            before, known = batch.changes.get(key, (disbursement, disbursement))
            batch.changes[key] = (before, _apply_report(context, tx, batch, attempt.partner, known, report))
    context.answers.record(tx, batch.answers)
    await _park_unmatched(tx, unmatched)
    await _save(tx, batch)
    now = {key: after for key, (_, after) in batch.changes.items()}
    frozen = await record_contradictions(tx, batch.contradictions, {**batch.known, **now}, batch.traces)
    now |= {d.key: d for d in frozen if d.key in now}
    # A cure may have come while the attempt was under way.
    await pay(context, tx, [d for d in now.values() if d.state is State.HELD], batch.traces)


def _accepts(
    tx: Transaction,
    batch: BatchChanges,
    message: Message[DisbursementReported],
    attempt: Attempt,
    disbursement: Disbursement,
    report: Report,
) -> bool:
    match classify_report(attempt, report):
        case ReportCheck.NEW:
            return True
        case ReportCheck.AMOUNT_MISMATCH:
            tx.park(message, ParkReason.AMOUNT_MISMATCH, "/amount")
            if report.status in MONEY_MAY_HAVE_MOVED or report.reason in FORBIDS_RETRY:
                _add_contradiction(batch, message, disbursement, report)
        case ReportCheck.CONTRADICTS_FINAL:
            again = report.status == "rejected" and attempt.rejected_at is not None
            tx.park(message, ParkReason.CONTRADICTS_FINAL, "/reason" if again else "/status")
            _add_contradiction(batch, message, disbursement, report)
        case ReportCheck.DUPLICATE:
            pass
    return False


def _add_contradiction(
    batch: BatchChanges, message: Message[DisbursementReported], disbursement: Disbursement, report: Report
) -> None:
    key = disbursement.key
    batch.known[key] = disbursement
    batch.traces.setdefault(key, message.trace)
    batch.contradictions.append(Contradiction(report, _partner(message), *key, disbursement.attempt))


def _seconds_to_answer(tx: Transaction, attempt: Attempt) -> float:
    """By our own clock on both ends, which may have been set back since."""
    return max(0.0, (tx.now - attempt.instructed_at).total_seconds())


def _apply_report(
    context: Context, tx: Transaction, batch: BatchChanges, partner: str, known: Disbursement, report: Report
) -> Disbursement:
    """The disbursement where the report takes it, said and posted."""
    verdict = verdict_of(report.status, report.reason)
    if verdict.action is ReportAction.WAIT:
        moved = accept(known, tx.now + context.answer_within)
    elif verdict.action is ReportAction.SETTLED:
        moved = settle(known)
        batch.postings.append(ledger.settle(known))
    else:
        moved = after_rejection(known, verdict, tx.now + context.retry_after)
        batch.postings.append(ledger.reject(known))
        batch.decommitted[Allotment(known.lane, known.wave, known.component)] += known.amount
        if verdict.action is ReportAction.HALT_PARTNER:
            batch.halt_reasons.setdefault(partner, set()).add(str(report.reason))
        emit_state(tx, reject(known), batch.traces, report.reason)
    emit_state(tx, moved, batch.traces, report.reason if moved.state is State.FAILED else None)
    return moved


async def _park_unmatched(tx: Transaction, unmatched: Sequence[Message[DisbursementReported]]) -> None:
    """References that their partner never got from us. While a lane catches up, they may yet turn out to be ours."""
    unmatched_partners = set()
    for message in unmatched:
        if message.lane is not None and tx.catching_up(message.lane):
            tx.defer(message, DEFERRED_FOR_CATCHING_UP, str(message.lane), owner=message.data.reference)
        else:
            unmatched_partners.add(_partner(message))
            tx.park(message, ParkReason.UNKNOWN_REFERENCE, "/reference")
    for partner in sorted(unmatched_partners):
        await halt_partner(tx, partner, "reported a reference that was never sent to it")


async def _save(tx: Transaction, batch: BatchChanges) -> None:
    if not batch.attempts:
        return
    accepted = [c for c in batch.changes.values() if c[1].state in PAID_OR_UNDER_WAY]
    await save_answered(tx, [(change, batch.attempts[str(change[1].reference)]) for change in accepted])
    if failed := [c for c in batch.changes.values() if c[1].state not in PAID_OR_UNDER_WAY]:
        await save_rejections(tx.connection, [batch.attempts[str(after.reference)] for _, after in failed])
        await save_changes(tx, failed)
    if batch.decommitted:
        await decommit_funds(tx, batch.decommitted)
    await post(tx, batch.postings)
    for partner, reasons in sorted(batch.halt_reasons.items()):
        await halt_partner(tx, partner, f"rejected with {', '.join(sorted(reasons))}")


def _partner(message: Message[DisbursementReported]) -> str:
    return PARTNER_OF[message.record.topic]


def _report(data: DisbursementReported) -> Report:
    return Report(
        reference=data.reference,
        status=data.status,
        amount=data.amount.value,
        reason=data.reason,
        partner_reference=data.partner_reference,
        reported_at=data.reported_at,
    )
