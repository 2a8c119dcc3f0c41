"""Pays what can be paid and holds the rest under a named reason. Every way to money leads through here."""

from collections.abc import Collection, Sequence
from datetime import datetime

from services.payment.domain import books
from services.payment.domain.attempt import Attempt
from services.payment.domain.books import Posting
from services.payment.domain.disbursement import Disbursement, HoldReason, State, hold, instruct
from services.payment.domain.fitness import version_tried
from services.payment.domain.funds import Pot, pot_of
from services.payment.handlers import Context
from services.payment.handlers.announcing import Traces, announce, announce_instruction
from services.payment.handlers.bookkeeping import write_down
from services.payment.handlers.changing import save_changes
from services.payment.handlers.planning import Obstacle, Plan, Route, plan
from services.payment.handlers.reminding import FIRST_LOOK_AFTER, remind
from services.payment.handlers.sealing import seal_for
from services.payment.handlers.spending import spend, spend_told
from services.payment.store.attempts import (
    Announced,
    insert_attempts,
    note_announced_attempts,
    own_adopted_attempts,
)
from services.payment.store.funds import lock_funds, open_funds
from shared.messaging.transaction import Transaction
from shared.messaging.watermark import NEVER

Instructed = tuple[Disbursement, Attempt]


async def pay(
    context: Context,
    tx: Transaction,
    disbursements: Sequence[Disbursement],
    traces: Traces,
    reports_read_through: datetime = NEVER,
) -> int:
    """Instructs or holds disbursements that are due or held, the oldest first; returns how many have changed.

    Another attempt of what a partner was told before goes only if it was put off until `reports_read_through` or
    earlier; else it is put off until now, for a report that lies unread may contradict the verdict upon the one before.
    """
    if not disbursements:
        return 0
    plans = await plan(context, tx, sorted(disbursements, key=lambda d: d.age))
    told = [p.disbursement for p in plans if isinstance(p.way, Attempt)]
    leaving = {pot_of(d) for d in disbursements if d.reason is HoldReason.NO_FUNDS}
    drawn_for_told = await _spend_told(tx, plans, leaving) if told else []
    payable = [p.disbursement for p in plans if isinstance(p.way, Route) and not _waits(p, reports_read_through)]
    paid, drawn = await spend(tx, payable, context.block, leaving)
    paid |= {d.right for d in told}
    before = {p.disbursement.right: p.disbursement for p in plans}
    instructed = [_instruct(context, tx, p) for p in plans if p.disbursement.right in paid]
    stay = [_hold(p, tx.now, reports_read_through) for p in plans if p.disbursement.right not in paid]
    held = [d for d in stay if d != before[d.right]]
    after = [*held, *(disbursement for disbursement, _ in instructed)]
    await save_changes(tx, [(before[d.right], d) for d in after])
    await _save_attempts(tx, plans, [attempt for _, attempt in instructed])
    await remind(tx, (disbursement for disbursement, _ in instructed), by=tx.now + FIRST_LOOK_AFTER)
    await write_down(tx, [*drawn_for_told, *drawn, *(books.instruct(disbursement) for disbursement, _ in instructed)])
    now = {d.right: d for d in after if _is_news(before[d.right], d)}
    for right, disbursement in before.items():
        if disbursement.state is State.DUE:
            announce(tx, disbursement, traces)
        if right in now:
            announce(tx, now[right], traces)
    for disbursement, attempt in instructed:
        announce_instruction(tx, disbursement, attempt, traces)
    return len(after)


async def _spend_told(tx: Transaction, plans: Sequence[Plan], leaving: Collection[Pot]) -> list[Posting]:
    """Pay what a partner had been told as it was told, with or without money: it may have been paid."""
    told = [p.disbursement for p in plans if isinstance(p.way, Attempt)]
    # Whoever locks funds locks them in one order, so those of the others come along.
    pots = {pot_of(p.disbursement) for p in plans if not isinstance(p.way, Obstacle)}.union(leaving)
    await open_funds(tx.connection, pots)
    await lock_funds(tx.connection, pots)
    announced = [
        Announced(p.reference, p.disbursement.wave, p.disbursement.component, keeps_money=False, account_version=None)
        for p in plans
        if isinstance(p.way, Attempt)
    ]
    await note_announced_attempts(tx.connection, announced)
    return await spend_told(tx, told)


def _waits(p: Plan, reports_read_through: datetime) -> bool:
    """Return True when a partner was told before, and may have said more of it than is read."""
    put_off = p.disbursement.look_again_at
    return p.disbursement.attempt > 0 and (put_off is None or put_off > reports_read_through)


def _is_news(before: Disbursement, after: Disbursement) -> bool:
    """Return True when anybody else is to hear of it. That it is put off is known here alone."""
    return (before.state, before.reason, before.partner) != (after.state, after.reason, after.partner)


def _hold(p: Plan, now: datetime, reports_read_through: datetime) -> Disbursement:
    """Return it held; what nothing else holds, the money did not last for, unless it waits for reports.

    Who waits for money keeps its turn meanwhile; it is put off by whoever sees that there is money for it.
    """
    known, way = p.disbursement, p.way
    if isinstance(way, Obstacle):
        paused = way.reason is HoldReason.PARTNER_PAUSED
        return hold(known, way.reason, partner=p.partner, look_again_at=known.look_again_at if paused else None)
    if known.reason is None or not _waits(p, reports_read_through):
        return hold(known, HoldReason.NO_FUNDS, partner=p.partner)
    if known.reason is HoldReason.NO_FUNDS:
        return known
    return hold(known, known.reason, look_again_at=known.look_again_at or now)


def _instruct(context: Context, tx: Transaction, p: Plan) -> Instructed:
    answer_by = tx.now + context.answer_within
    way = p.way
    if isinstance(way, Obstacle):
        raise TypeError(f"{p.reference} is held for {way.reason}")
    if isinstance(way, Route):
        account, version = seal_for(context.partners[way.partner], way.number, p.reference), way.account_version
    else:
        account, version = way.account, version_tried(way, p.disbursement.payee, p.newest_version)
    adopted = isinstance(way, Attempt)
    disbursement = instruct(p.disbursement, p.reference, way.partner, version, answer_by, adopted=adopted)
    return disbursement, Attempt(
        reference=p.reference,
        lane=disbursement.lane,
        partner=way.partner,
        amount=disbursement.amount,
        account=account,
        instructed_at=tx.now,
        answer_by=answer_by,
        redeem_code=disbursement.redeem_code,
        benefit=disbursement.benefit,
        number=disbursement.attempt,
    )


async def _save_attempts(tx: Transaction, plans: Sequence[Plan], attempts: Sequence[Attempt]) -> None:
    adopted = {p.reference for p in plans if isinstance(p.way, Attempt)}
    if fresh := [attempt for attempt in attempts if attempt.reference not in adopted]:
        await insert_attempts(tx.connection, fresh)
    if again := [attempt for attempt in attempts if attempt.reference in adopted]:
        await own_adopted_attempts(tx.connection, again)
        for attempt in again:
            tx.wake("reference", attempt.reference)
