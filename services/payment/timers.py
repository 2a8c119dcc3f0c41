"""Timers of payment, for the lanes that this process holds."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from services.payment.books.heads import sign_heads
from services.payment.context import Context
from services.payment.domain.attempt import status_interval
from services.payment.domain.deferral_kinds import CATCHING_UP
from services.payment.domain.disbursement import Disbursement, fall_due, postpone_status_check
from services.payment.payout.events import request_status
from services.payment.payout.funds import empty_allotments, return_to_treasury
from services.payment.payout.ledger import post
from services.payment.payout.partner_limits import pay_within_limits
from services.payment.payout.pay import pay
from services.payment.payout.queue import load_in_turn
from services.payment.payout.series import load_earned_by_month
from services.payment.payout.status_checks import schedule_status_checks
from services.payment.store.attempts import load_attempts, save_asked
from services.payment.store.cures import QUERY_OF, load_cured
from services.payment.store.cut_offs import clear_cut_offs, load_held_past_cut_off, pass_cut_offs
from services.payment.store.disbursements import (
    load_retries,
    load_under_way,
    postpone_retries,
    postpone_status_checks,
)
from services.payment.store.funds import load_funds_past_cut_off, load_funds_with_idle_allotments
from services.payment.store.monthly_dues import take_monthly_dues
from services.payment.store.partner_limits import load_unlimited
from services.payment.store.status_checks import take_status_checks
from shared.contracts.topics import COMPLETION_EVENTS, ENROLLMENT_EVENTS, PARTNERS, disbursement_reports
from shared.messaging.transaction.subscription import Timer
from shared.messaging.transaction.transaction import Transaction

PORTION = 500
STATUS_CHECKS_AT_ONCE = 50


def timers(context: Context) -> tuple[Timer, ...]:
    """Return the timers, each with the topics that must be read before it may act."""
    reports = tuple(map(disbursement_reports, PARTNERS))
    return (
        Timer("return_unused", return_unused, prevented_by=()),
        Timer("return_to_treasury", return_past_cut_off, prevented_by=()),
        # After what returns at a cut-off, so that the statement of a cut-off has it.
        Timer("sign_heads", partial(state_heads, context), prevented_by=()),
        Timer("release", partial(release_holds, context), prevented_by=()),
        Timer("retry", partial(retry, context), prevented_by=reports),
        Timer("end_limits", partial(release_unlimited, context), prevented_by=()),
        *(
            Timer(f"drain_{partner}", partial(pay_within_limits, context, partner=partner), prevented_by=reports)
            for partner in context.partner_limits
        ),
        *(
            Timer(
                f"ask_{partner}",
                partial(request_overdue_statuses, context, partner),
                prevented_by=(disbursement_reports(partner),),
            )
            for partner in PARTNERS
        ),
        Timer("judge_again", recheck_unmatched, prevented_by=()),
        Timer("fall_due", partial(pay_monthly, context), prevented_by=(ENROLLMENT_EVENTS, COMPLETION_EVENTS)),
        # After all that pays: what was cured in time is tried before it is forfeited.
        Timer("cut_off", partial(forfeit_past_cut_off, context)),
    )


async def release_holds(context: Context, tx: Transaction, lanes: Sequence[int]) -> int:
    """Pay held disbursements whose cure has come, and those for which there is money, the oldest first.

    One that a partner was instructed to pay before is queued for `retry`, as of now. A lane that is catching up after
    a restore only repeats what was instructed: what waits for money keeps its place.
    """
    people = context.people_per_account
    cured = [d for cure in QUERY_OF for d in await load_cured(tx.connection, cure, lanes, PORTION, people)]
    covered, beyond = await load_in_turn(tx.connection, caught_up(tx, lanes), PORTION)
    held = {d.key: d for d in (*cured, *covered, *beyond)}
    done = await pay(context, tx, list(held.values()), traces={}, beyond_money={d.key for d in beyond})
    retries = [d for d in covered if d.attempt > 0]
    return done + (await postpone_retries(tx.connection, retries, tx.now) if retries else 0)


async def retry(context: Context, tx: Transaction, lanes: Sequence[int]) -> int:
    """Make the queued attempts, once all reports that partners sent before their `retry_at` are read."""
    through = tx.watermark
    due = await load_retries(tx.connection, lanes, through, context.partner_limits, PORTION)
    return await pay(context, tx, due, traces={}, reports_watermark=through)


async def release_unlimited(context: Context, tx: Transaction, lanes: Sequence[int]) -> int:
    """Pay what waits for room and needs none: its partner has no limits, or it was instructed before a restore."""
    unlimited = set(PARTNERS) - context.partner_limits.keys()
    waiting = await load_unlimited(tx.connection, lanes, unlimited, PORTION)
    return await pay(context, tx, waiting, traces={})


async def request_overdue_statuses(context: Context, partner: str, tx: Transaction, lanes: Sequence[int]) -> int:
    """Ask a partner for the status of overdue attempts, at growing intervals; no instruction is sent again.

    Only this partner's reports must have been read; those of another delay nothing.
    """
    codes = await take_status_checks(tx.connection, lanes, partner, tx.watermark, STATUS_CHECKS_AT_ONCE)
    under_way = [d for d in await load_under_way(tx.connection, codes) if d.partner == partner] if codes else []
    late = {str(d.reference): d for d in under_way if d.next_check_at is not None and d.next_check_at <= tx.watermark}
    waiting = [d for d in under_way if str(d.reference) not in late]
    await schedule_status_checks(tx, waiting, by=tx.now + context.answer_within)
    asked: defaultdict[timedelta, list[Disbursement]] = defaultdict(list)
    attempts = await load_attempts(tx.connection, late) if late else {}
    for reference, attempt in attempts.items():
        request_status(tx, attempt)
        interval = status_interval(attempt, tx.now, context.answer_within)
        asked[interval].append(postpone_status_check(late[reference], tx.now + interval))
    if attempts:
        await save_asked(tx.connection, attempts, tx.now)
    for interval, together in asked.items():
        await postpone_status_checks(tx.connection, together, tx.now + interval, tx.now)
        await schedule_status_checks(tx, together, by=tx.now + interval)
    return len(codes)


async def pay_monthly(context: Context, tx: Transaction, lanes: Sequence[int]) -> int:
    """Pay the incentives whose month has come, if their series still stands; return how many times had come."""
    dues = await take_monthly_dues(tx.connection, lanes, tx.watermark, PORTION)
    if dues:
        earned = await load_earned_by_month(context, tx, dues)
        await pay(context, tx, [fall_due(*earned_entitlement, tx.now) for earned_entitlement in earned], traces={})
    return len(dues)


async def forfeit_past_cut_off(context: Context, tx: Transaction, lanes: Sequence[int]) -> int:
    """Pass cut-offs that have come, and forfeit what is held past them; return how many were held.

    Lanes that are catching up after a restore are left out: nothing has been tried there that was cured in time.
    """
    lanes = caught_up(tx, lanes)
    await pass_cut_offs(tx.connection, lanes, tx.watermark, tx.now)
    held = await load_held_past_cut_off(tx.connection, lanes, PORTION)
    await pay(context, tx, held, traces={})
    if len(held) < PORTION:
        await clear_cut_offs(tx.connection, lanes)
    return len(held)


async def return_past_cut_off(tx: Transaction, _: Sequence[int]) -> int:
    """Return unused money of waves past their cut-off to the treasury."""
    funds = await load_funds_past_cut_off(tx.connection)
    postings = await return_to_treasury(tx, funds) if funds else []
    await post(tx, postings)
    return len(postings)


async def state_heads(context: Context, tx: Transaction, _: Sequence[int]) -> int:
    """Sign the heads of all chains if that is due; nothing is ever left for another portion."""
    await sign_heads(tx.connection, context.signing_key, tx.now)
    return 0


async def return_unused(tx: Transaction, _: Sequence[int]) -> int:
    """Return unused money in the allotments of all lanes to funds that are short."""
    funds = await load_funds_with_idle_allotments(tx.connection)
    postings = await empty_allotments(tx, funds) if funds else []
    await post(tx, postings)
    return len(postings)


async def recheck_unmatched(tx: Transaction, lanes: Sequence[int]) -> int:
    """Release reports on unknown references that were deferred while their lane was catching up.

    A reference that is still unknown was never sent, and its partner is halted.
    """
    keys = await tx.deferred_keys(CATCHING_UP, lanes, [str(lane) for lane in caught_up(tx, lanes)])
    for lane in keys:
        tx.release(CATCHING_UP, lane)
    return len(keys)


def caught_up(tx: Transaction, lanes: Sequence[int]) -> list[int]:
    """Return those of the lanes that are not catching up after a restore."""
    return [lane for lane in lanes if not tx.catching_up(lane)]
