"""Payment of disbursements, or their hold under a named reason; nothing else instructs a partner."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from services.payment.context import Context
from services.payment.domain import ledger
from services.payment.domain.attempt import Attempt
from services.payment.domain.disbursement import Disbursement, DisbursementKey, HoldReason, State, cancel, forfeit, hold
from services.payment.domain.eligibility import is_halted
from services.payment.domain.funds import fund_of
from services.payment.payout.attempts import commit_adopted_attempts, make_attempt, save_attempts
from services.payment.payout.disbursements import Change, save_changes
from services.payment.payout.events import Traces, emit_instruction, emit_state
from services.payment.payout.funds import commit_funds
from services.payment.payout.ledger import post
from services.payment.payout.plan import AttemptPlan, Cancel, Forfeit, Hold, Route, plan_attempts
from services.payment.payout.status_checks import FIRST_CHECK_AFTER, schedule_status_checks
from services.payment.store.attempts import save_repeated
from services.payment.store.disbursements import EventNumbers
from services.payment.store.halts import load_halts_and_cut_offs
from shared.messaging.reading.watermark import NEVER
from shared.messaging.transaction.transaction import Transaction


async def pay(
    context: Context,
    tx: Transaction,
    disbursements: Sequence[Disbursement],
    traces: Traces,
    reports_watermark: datetime = NEVER,
    with_room_at: str | None = None,
    beyond_money: Collection[DisbursementKey] = (),
) -> int:
    """Instruct, hold, cancel or forfeit disbursements, the oldest first; return the number that changed.

    One that a partner was instructed to pay before gets another attempt only if its `retry_at` is `reports_watermark`
    or earlier. Else it is queued for `retry`, as of now: a report still unread may contradict the rejection.
    What goes to a partner with limits is held, unless it is `with_room_at`, the one at which all of them have room;
    what is `beyond_money` stays held for that.
    """
    if not disbursements:
        return 0
    plans = await plan_attempts(context, tx, sorted(disbursements, key=lambda d: d.age), with_room_at, beyond_money)
    adopted = [p.disbursement for p in plans if isinstance(p.decision, Attempt)]
    leaving = {fund_of(d) for d in disbursements if d.reason is HoldReason.NO_FUNDS}
    allotted_for_adopted = await commit_adopted_attempts(tx, plans, leaving) if adopted else []
    payable = [
        p.disbursement for p in plans if isinstance(p.decision, Route) and not _awaits_reports(p, reports_watermark)
    ]
    funded, allotted = await commit_funds(tx, payable, context.allotment_block, leaving)
    funded |= {d.key for d in adopted}
    going = [p for p in plans if p.disbursement.key in funded]
    instructed = [make_attempt(context, tx, p) for p in going]
    staying = [p for p in plans if p.disbursement.key not in funded] if len(going) < len(plans) else []
    ended = [(p.disbursement, _hold_or_end(p, tx.now, reports_watermark)) for p in staying]
    changes = [change for change in ended if change[0] != change[1]]
    changes += [(p.disbursement, disbursement) for p, (disbursement, _) in zip(going, instructed, strict=True)]
    numbers = _emit_changes(tx, [p.disbursement for p in plans], changes, traces)
    for disbursement, attempt in instructed:
        emit_instruction(tx, disbursement, attempt, traces)
    await save_changes(tx, changes, numbers)
    await save_attempts(tx, plans, [attempt for _, attempt in instructed], numbers)
    await schedule_status_checks(tx, (disbursement for disbursement, _ in instructed), by=tx.now + FIRST_CHECK_AFTER)
    await post(
        tx, [*allotted_for_adopted, *allotted, *(ledger.instruct(disbursement) for disbursement, _ in instructed)]
    )
    return len(changes)


async def repeat_instructions(
    tx: Transaction, not_found: Sequence[tuple[Disbursement, Attempt]], traces: Traces
) -> None:
    """Instruct partners again under references that they do not know: the same data, byte for byte, under a new id.

    While a halt lasts, or the lane catches up after a restore, the report changes nothing; the next request for the
    status brings another.
    """
    if not not_found:
        return
    halts, _ = await load_halts_and_cut_offs(tx.connection, (), ())
    repeated = []
    for disbursement, attempt in not_found:
        if not is_halted(disbursement, attempt.partner, halts) and not tx.catching_up(attempt.lane):
            emit_instruction(tx, disbursement, attempt, traces)
            repeated.append(attempt)
    await save_repeated(tx.connection, repeated)


def _emit_changes(
    tx: Transaction, planned: Iterable[Disbursement], changes: Iterable[Change], traces: Traces
) -> dict[DisbursementKey, EventNumbers]:
    """Emit what has fallen due and the changes that are announced; return the numbers of the events."""
    now = {before.key: after for before, after in changes if _is_public_change(before, after)}
    numbers = {}
    for disbursement in planned:
        due = emit_state(tx, disbursement, traces) if disbursement.state is State.DUE else None
        if (after := now.get(disbursement.key)) is not None:
            numbers[after.key] = EventNumbers(due, emit_state(tx, after, traces))
    return numbers


def _awaits_reports(p: AttemptPlan, reports_watermark: datetime) -> bool:
    """Return True when an earlier attempt exists whose partner may have reported more than has been read."""
    put_off = p.disbursement.next_check_at
    return p.disbursement.attempt > 0 and (put_off is None or put_off > reports_watermark)


def _is_public_change(before: Disbursement, after: Disbursement) -> bool:
    """Return True if the change is announced. A change of `retry_at` alone is not."""
    return (before.state, before.reason, before.partner) != (after.state, after.reason, after.partner)


def _hold_or_end(p: AttemptPlan, now: datetime, reports_watermark: datetime) -> Disbursement:
    """Return the disbursement cancelled, forfeited, or held for the reason of its plan, else for `no_funds`.

    One that is payable and awaits reports stays held for its reason.
    One held for `no_funds` keeps its place in the queue for money; the sweep that finds money queues it for `retry`.
    """
    known, decision = p.disbursement, p.decision
    if isinstance(decision, Cancel):
        return cancel(known)
    if isinstance(decision, Forfeit):
        return forfeit(known)
    if isinstance(decision, Hold):
        paused = decision.reason is HoldReason.PARTNER_PAUSED
        return hold(known, decision.reason, partner=p.partner, next_check_at=known.next_check_at if paused else None)
    if known.reason is None or not _awaits_reports(p, reports_watermark):
        return hold(known, HoldReason.NO_FUNDS, partner=p.partner)
    if known.reason is HoldReason.NO_FUNDS:
        return known
    return hold(known, known.reason, next_check_at=known.next_check_at or now)
