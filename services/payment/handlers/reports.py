"""Reports of partners on references, compared with what the partners were instructed to pay."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.payment.context import Context
from services.payment.domain.attempt import (
    Attempt,
    Contradiction,
    Report,
    ReportCheck,
    may_be_repeated,
    record_repeat,
    record_report,
)
from services.payment.domain.claim import Claim, Payment
from services.payment.domain.deferral_kinds import REFERENCE
from services.payment.domain.disbursement import AT_THE_PARTNER, PAID_OR_UNDER_WAY, Disbursement, DisbursementKey, State
from services.payment.domain.funds import Allotment, allotment_of
from services.payment.domain.reason_codes import FINAL_REASONS
from services.payment.domain.report_outcome import ReportOutcome, apply_report
from services.payment.payout.announced_forfeits import load_announced_forfeits
from services.payment.payout.claims import claim_double_payments, claim_settled
from services.payment.payout.contradictions import freeze_returned, record_contradictions
from services.payment.payout.disbursements import Change, save_answered, save_changes
from services.payment.payout.erased_participants import erase_ended_attempts
from services.payment.payout.events import emit_state
from services.payment.payout.funds import decommit_funds
from services.payment.payout.halts import halt_partner
from services.payment.payout.ledger import post
from services.payment.payout.pay import pay, repeat_instructions
from services.payment.payout.report_checks import (
    MONEY_MAY_HAVE_MOVED,
    check_report,
    contradicts,
    park_unmatched,
    partner_of,
    report_of,
)
from services.payment.payout.returns import ReturnTerms, load_return_terms, withdraw_claims_on_returned
from services.payment.store.attempts import AttemptWithDisbursement, load_attempts_with_disbursements, save_verdicts
from services.payment.store.cut_offs import load_past_cut_off
from services.payment.store.disbursements import AnnouncedAnswer, EventNumbers, annul_disbursements
from shared.contracts.partner import NOT_FOUND, DisbursementReported
from shared.errors import InvariantBroken
from shared.messaging.message import Message
from shared.messaging.transaction.transaction import Transaction


@dataclass(slots=True)
class BatchChanges:
    """Changes that the reports of one batch make.

    `numbers`: the events of the disbursements' states, `failures`: those of rejected and returned attempts by
    reference, `announced`: those of accepted and settled ones.

    `known`: the disbursements they contradict, as loaded. `doubles`: claims on double payments that were returned.
    `unknown`: the disbursements, as loaded, whose references their partners do not know and may be sent again.
    """

    terms: ReturnTerms
    attempts: dict[str, Attempt] = field(default_factory=dict)
    changes: dict[DisbursementKey, Change] = field(default_factory=dict)
    outcomes: list[ReportOutcome] = field(default_factory=list)
    numbers: dict[DisbursementKey, EventNumbers] = field(default_factory=dict)
    failures: dict[str, int | None] = field(default_factory=dict)
    announced: list[AnnouncedAnswer] = field(default_factory=list)
    answers: list[tuple[str, str, float]] = field(default_factory=list)
    traces: dict[DisbursementKey, str | None] = field(default_factory=dict)
    known: dict[DisbursementKey, Disbursement] = field(default_factory=dict)
    contradictions: list[Contradiction] = field(default_factory=list)
    doubles: list[Claim] = field(default_factory=list)
    unknown: dict[str, Disbursement] = field(default_factory=dict)

    @property
    def not_found(self) -> list[tuple[Disbursement, Attempt]]:
        """The attempts to instruct again: still at their partner, which has not contradicted itself in this batch."""
        standing = {reference: self.changes.get(d.key, (d, d))[1] for reference, d in self.unknown.items()}
        return [
            (d, self.attempts[reference])
            for reference, d in standing.items()
            if d.state in AT_THE_PARTNER and d.key not in self.doubted
        ]

    @property
    def returned(self) -> list[Disbursement]:
        """The disbursements whose money was returned, as they are left."""
        left = [after for _, after in self.changes.values() if after.state not in PAID_OR_UNDER_WAY]
        return [after for after in left if self.attempts[str(after.reference)].returned_at is not None]

    @property
    def doubted(self) -> set[DisbursementKey]:
        """The disbursements that may have been paid twice: those contradicted now, or before they were settled."""
        frozen_before = {key for key, (before, _) in self.changes.items() if before.frozen}
        return frozen_before.union([c.disbursement_key for c in self.contradictions])


async def process_reports(context: Context, tx: Transaction, messages: Sequence[Message[DisbursementReported]]) -> None:
    """Apply new reports, freeze contradicted disbursements, and pay what is cured.

    A partner that reports a reference which was never sent to it is halted. Raise InvariantBroken when an attempt that
    was made here has no disbursement.
    """
    known_attempts = await load_attempts_with_disbursements(tx.connection, {m.data.reference for m in messages})
    known_attempts |= await _past_cut_off(tx, [m.data for m in messages], known_attempts)
    batch, unmatched = BatchChanges(await _load_terms(tx, messages, known_attempts)), []
    for message in messages:
        attempt, disbursement = known_attempts.get(message.data.reference, (None, None))
        if attempt is None:
            unmatched.append(message)
            continue
        attempt = batch.attempts.get(attempt.reference, attempt)
        if attempt.is_only_adopted:
            tx.defer(message, REFERENCE, attempt.reference)
            continue
        if disbursement is None:
            raise InvariantBroken(attempt.reference, "this attempt has no disbursement; look for it with `verify`")
        report = report_of(message.data)
        if attempt.partner != partner_of(message):
            unmatched.append(message)
            if report.status in MONEY_MAY_HAVE_MOVED:
                _add_contradiction(batch, message, disbursement, report)
            continue
        check = check_report(tx, message, attempt, report, batch.terms.claims.get(attempt.reference))
        if check is ReportCheck.NEW:
            batch.traces[disbursement.key] = message.trace
            _apply(context, tx, batch, attempt, disbursement, report)
        elif contradicts(check, report):
            _add_contradiction(batch, message, disbursement, report)
    context.answers.record(tx, batch.answers)
    await park_unmatched(tx, unmatched)
    await _save(tx, batch)
    await claim_settled(tx, _payments(batch), batch.traces)
    await erase_ended_attempts(tx, (after for _, after in batch.changes.values()))
    now = {key: after for key, (_, after) in batch.changes.items()}
    frozen = await record_contradictions(tx, batch.contradictions, {**batch.known, **now}, batch.traces)
    now |= {d.key: d for d in frozen if d.key in now}
    now |= {d.key: d for d in await freeze_returned(tx, [now[d.key] for d in batch.returned], batch.traces)}
    await repeat_instructions(tx, batch.not_found, batch.traces)
    await claim_double_payments(tx, batch.doubted, batch.traces)
    # A cure may have come while the attempt was at the partner.
    await pay(context, tx, [d for d in now.values() if d.state is State.HELD], batch.traces)


async def _past_cut_off(
    tx: Transaction, reports: Sequence[DisbursementReported], known: Mapping[str, AttemptWithDisbursement]
) -> dict[str, AttemptWithDisbursement]:
    """Return those of these attempts whose final rejection comes past the cut-off, or came so before a restore, marked.

    Other rejections end there without a mark, so the ordinary batch makes no query.
    """
    references = {report.reference for report in reports if report.reason in FINAL_REASONS}
    final = [d for reference, (_, d) in known.items() if d is not None and reference in references]
    if not final:
        return {}
    announced = await load_announced_forfeits(tx, {d.participant_id for d in final}) & {d.key for d in final}
    past = announced | {d.key for d in await load_past_cut_off(tx.connection, final)}
    return {
        reference: found._replace(disbursement=found.disbursement._replace(past_cut_off=True))
        for reference, found in known.items()
        if found.disbursement is not None and found.disbursement.key in past
    }


async def _load_terms(
    tx: Transaction,
    messages: Sequence[Message[DisbursementReported]],
    known: Mapping[str, AttemptWithDisbursement],
) -> ReturnTerms:
    """Load what the returns among these reports depend on besides."""
    references = {m.data.reference for m in messages if m.data.status == "returned"} & known.keys()
    paid = {reference: known[reference].disbursement for reference in references}
    return await load_return_terms(tx, {reference: d for reference, d in paid.items() if d is not None})


def _apply(
    context: Context, tx: Transaction, batch: BatchChanges, attempt: Attempt, loaded: Disbursement, report: Report
) -> None:
    """Add the outcome of a report to those of its batch, and emit its events in the order of the reports.

    What was paid twice and is returned once changes the attempt alone.
    """
    batch.answers.append((attempt.partner, report.status, _seconds_to_answer(tx, attempt)))
    if report.status == "returned" and attempt.rejected_at is not None and attempt.settled_at is None:
        batch.attempts[attempt.reference] = record_report(attempt, report)
        batch.doubles.append(batch.terms.claims[attempt.reference])
        return
    before, known = batch.changes.get(loaded.key, (loaded, loaded))
    if report.status == NOT_FOUND and may_be_repeated(attempt, known, tx.now, context.partner_memory):
        batch.attempts[attempt.reference] = record_repeat(attempt, report)
        batch.unknown[attempt.reference] = loaded
        return
    ask_at, retry_at = tx.now + context.answer_within, tx.now + context.retry_after
    annulled = batch.terms.annulments.get(loaded.redeem_code)
    outcome = apply_report(attempt, known, report, ask_at=ask_at, retry_at=retry_at, annulled=annulled)
    batch.attempts[attempt.reference] = outcome.attempt
    batch.changes[loaded.key] = (before, outcome.disbursement)
    batch.outcomes.append(outcome)
    for event in outcome.events:
        number = emit_state(tx, event.disbursement, batch.traces, event.reason, event.returned_at)
        batch.numbers[loaded.key] = EventNumbers(state=number)
        if event.disbursement.state in (State.REJECTED, State.RETURNED):
            batch.failures[attempt.reference] = number
        elif event.disbursement.state in PAID_OR_UNDER_WAY and number is not None:
            batch.announced.append(AnnouncedAnswer(attempt.lane, number, attempt.reference))


def _add_contradiction(
    batch: BatchChanges, message: Message[DisbursementReported], disbursement: Disbursement, report: Report
) -> None:
    key = disbursement.key
    batch.known[key] = disbursement
    batch.traces.setdefault(key, message.trace)
    batch.contradictions.append(Contradiction(report, partner_of(message), *key, disbursement.attempt))


def _seconds_to_answer(tx: Transaction, attempt: Attempt) -> float:
    """Return the time from instruction to report by our own clock, 0 if that was set back since."""
    return max(0.0, (tx.now - attempt.instructed_at).total_seconds())


async def _save(tx: Transaction, batch: BatchChanges) -> None:
    if batch.doubles:
        attempts = [batch.attempts[str(claim.disbursement.reference)] for claim in batch.doubles]
        await save_verdicts(tx.connection, attempts, {})
        await withdraw_claims_on_returned(tx, batch.doubles, [], batch.traces)
    if not batch.outcomes:
        return
    accepted = [c for c in batch.changes.values() if c[1].state in PAID_OR_UNDER_WAY]
    answered = [(change, batch.attempts[str(change[1].reference)]) for change in accepted]
    await save_answered(tx, answered, batch.announced)
    if failed := [c for c in batch.changes.values() if c[1].state not in PAID_OR_UNDER_WAY]:
        attempts = [batch.attempts[str(after.reference)] for _, after in failed]
        await save_verdicts(tx.connection, attempts, batch.failures)
        await save_changes(tx, failed, batch.numbers)
    if returned := batch.returned:
        await annul_disbursements(tx.connection, [d for d in returned if d.annulled is not None], tx.now)
        claims = [batch.terms.claims[r] for d in returned if (r := str(d.reference)) in batch.terms.claims]
        await withdraw_claims_on_returned(tx, claims, returned, batch.traces)
    decommitted: Counter[Allotment] = Counter()
    halts: defaultdict[str, set[str]] = defaultdict(set)
    for outcome in batch.outcomes:
        if outcome.decommitted:
            decommitted[allotment_of(outcome.disbursement)] += outcome.decommitted
        if outcome.halt_reason:
            halts[outcome.attempt.partner].add(outcome.halt_reason)
    if decommitted:
        await decommit_funds(tx, decommitted)
    await post(tx, [posting for outcome in batch.outcomes for posting in outcome.postings])
    for partner, reasons in sorted(halts.items()):
        await halt_partner(tx, partner, f"rejected or returned with {', '.join(sorted(reasons))}")


def _payments(batch: BatchChanges) -> list[Payment]:
    """Return what the reports settled and none of them returned."""
    return [
        Payment(outcome.disbursement, outcome.attempt.settled_at)
        for outcome in batch.outcomes
        if outcome.attempt.settled_at is not None and batch.changes[outcome.disbursement.key][1].state is State.SETTLED
    ]
