"""Pays what can be paid and holds the rest under a named reason. Every way to money leads through here."""

from collections.abc import Collection, Sequence
from datetime import datetime

from services.payment.context import Context
from services.payment.domain import ledger
from services.payment.domain.attempt import Attempt
from services.payment.domain.disbursement import Disbursement, HoldReason, State, hold, instruct
from services.payment.domain.eligibility import tried_account_version
from services.payment.domain.funds import Fund, fund_of
from services.payment.domain.ledger import Posting
from services.payment.payout.account_seals import seal_for_partner
from services.payment.payout.disbursements import save_changes
from services.payment.payout.events import Traces, emit_instruction, emit_state
from services.payment.payout.funds import commit_adopted, commit_funds
from services.payment.payout.ledger import post
from services.payment.payout.plan import AttemptPlan, Hold, Route, plan_attempts
from services.payment.payout.status_checks import FIRST_CHECK_AFTER, schedule_status_checks
from services.payment.store.attempts import (
    AnnouncedAttempt,
    attach_adopted_attempts,
    insert_attempts,
    update_announced_attempts,
)
from services.payment.store.funds import lock_funds, open_funds
from shared.messaging.reading.watermark import NEVER
from shared.messaging.transaction.transaction import Transaction

Instructed = tuple[Disbursement, Attempt]


async def pay(
    context: Context,
    tx: Transaction,
    disbursements: Sequence[Disbursement],
    traces: Traces,
    reports_watermark: datetime = NEVER,
) -> int:
    """Instructs or holds disbursements that are due or held, the oldest first; returns how many have changed.

    Another attempt of what a partner was told before goes only if it was put off until `reports_read_through` or
    earlier; else it is put off until now, for a report that lies unread may contradict the verdict upon the one before.
    """
    if not disbursements:
        return 0
    plans = await plan_attempts(context, tx, sorted(disbursements, key=lambda d: d.age))
    adopted = [p.disbursement for p in plans if isinstance(p.decision, Attempt)]
    leaving = {fund_of(d) for d in disbursements if d.reason is HoldReason.NO_FUNDS}
    allotted_for_adopted = await _commit_adopted(tx, plans, leaving) if adopted else []
    payable = [
        p.disbursement for p in plans if isinstance(p.decision, Route) and not _awaits_reports(p, reports_watermark)
    ]
    paid, allotted = await commit_funds(tx, payable, context.allotment_block, leaving)
    paid |= {d.key for d in adopted}
    before = {p.disbursement.key: p.disbursement for p in plans}
    instructed = [_instruct(context, tx, p) for p in plans if p.disbursement.key in paid]
    stay = [_hold(p, tx.now, reports_watermark) for p in plans if p.disbursement.key not in paid]
    held = [d for d in stay if d != before[d.key]]
    after = [*held, *(disbursement for disbursement, _ in instructed)]
    await save_changes(tx, [(before[d.key], d) for d in after])
    await _save_attempts(tx, plans, [attempt for _, attempt in instructed])
    await schedule_status_checks(tx, (disbursement for disbursement, _ in instructed), by=tx.now + FIRST_CHECK_AFTER)
    await post(
        tx, [*allotted_for_adopted, *allotted, *(ledger.instruct(disbursement) for disbursement, _ in instructed)]
    )
    now = {d.key: d for d in after if _is_public_change(before[d.key], d)}
    for key, disbursement in before.items():
        if disbursement.state is State.DUE:
            emit_state(tx, disbursement, traces)
        if key in now:
            emit_state(tx, now[key], traces)
    for disbursement, attempt in instructed:
        emit_instruction(tx, disbursement, attempt, traces)
    return len(after)


async def _commit_adopted(tx: Transaction, plans: Sequence[AttemptPlan], leaving: Collection[Fund]) -> list[Posting]:
    """Pay what a partner had been told as it was told, with or without money: it may have been paid."""
    adopted_disbursements = [p.disbursement for p in plans if isinstance(p.decision, Attempt)]
    # Whoever locks funds locks them in one order, so those of the others come along.
    funds = {fund_of(p.disbursement) for p in plans if not isinstance(p.decision, Hold)}.union(leaving)
    await open_funds(tx.connection, funds)
    await lock_funds(tx.connection, funds)
    announced = [
        AnnouncedAttempt(
            p.reference, p.disbursement.wave, p.disbursement.component, keeps_money=False, account_version=None
        )
        for p in plans
        if isinstance(p.decision, Attempt)
    ]
    await update_announced_attempts(tx.connection, announced)
    return await commit_adopted(tx, adopted_disbursements)


def _awaits_reports(p: AttemptPlan, reports_watermark: datetime) -> bool:
    """Return True when a partner was told before, and may have said more of it than is read."""
    put_off = p.disbursement.look_again_at
    return p.disbursement.attempt > 0 and (put_off is None or put_off > reports_watermark)


def _is_public_change(before: Disbursement, after: Disbursement) -> bool:
    """Return True when anybody else is to hear of it. That it is put off is known here alone."""
    return (before.state, before.reason, before.partner) != (after.state, after.reason, after.partner)


def _hold(p: AttemptPlan, now: datetime, reports_watermark: datetime) -> Disbursement:
    """Return it held; what nothing else holds, the money did not last for, unless it waits for reports.

    Who waits for money keeps its turn meanwhile; it is put off by whoever sees that there is money for it.
    """
    known, decision = p.disbursement, p.decision
    if isinstance(decision, Hold):
        paused = decision.reason is HoldReason.PARTNER_PAUSED
        return hold(known, decision.reason, partner=p.partner, look_again_at=known.look_again_at if paused else None)
    if known.reason is None or not _awaits_reports(p, reports_watermark):
        return hold(known, HoldReason.NO_FUNDS, partner=p.partner)
    if known.reason is HoldReason.NO_FUNDS:
        return known
    return hold(known, known.reason, look_again_at=known.look_again_at or now)


def _instruct(context: Context, tx: Transaction, p: AttemptPlan) -> Instructed:
    answer_by = tx.now + context.answer_within
    decision = p.decision
    if isinstance(decision, Hold):
        raise TypeError(f"{p.reference} is held for {decision.reason}")
    if isinstance(decision, Route):
        account, version = (
            seal_for_partner(context.partners[decision.partner], decision.number, p.reference),
            decision.account_version,
        )
    else:
        account, version = decision.account, tried_account_version(decision, p.disbursement.payee, p.newest_version)
    adopted = isinstance(decision, Attempt)
    disbursement = instruct(p.disbursement, p.reference, decision.partner, version, answer_by, adopted=adopted)
    return disbursement, Attempt(
        reference=p.reference,
        lane=disbursement.lane,
        partner=decision.partner,
        amount=disbursement.amount,
        account=account,
        instructed_at=tx.now,
        answer_by=answer_by,
        redeem_code=disbursement.redeem_code,
        benefit=disbursement.benefit,
        number=disbursement.attempt,
    )


async def _save_attempts(tx: Transaction, plans: Sequence[AttemptPlan], attempts: Sequence[Attempt]) -> None:
    adopted = {p.reference for p in plans if isinstance(p.decision, Attempt)}
    if fresh := [attempt for attempt in attempts if attempt.reference not in adopted]:
        await insert_attempts(tx.connection, fresh)
    if again := [attempt for attempt in attempts if attempt.reference in adopted]:
        await attach_adopted_attempts(tx.connection, again)
        for attempt in again:
            tx.release("reference", attempt.reference)
