"""What is due by the clock, for the lanes this process holds."""

from collections.abc import Sequence
from functools import partial

from services.payment.domain.disbursement import ask_again
from services.payment.handlers import Context
from services.payment.handlers.announcing import announce_question
from services.payment.handlers.bookkeeping import write_down
from services.payment.handlers.paying import pay
from services.payment.handlers.queueing import load_in_turn
from services.payment.handlers.reminding import remind
from services.payment.handlers.reports import WAITS_FOR_CATCHING_UP
from services.payment.handlers.spending import empty_purses
from services.payment.store.attempts import load_attempts
from services.payment.store.disbursements import (
    load_releasable,
    load_retries,
    load_under_way,
    postpone_questions,
    put_off,
)
from services.payment.store.funds import load_idle_pots
from services.payment.store.reminders import take_reminders
from shared.contracts.topics import PARTNERS, disbursement_reports
from shared.messaging.subscription import Timer
from shared.messaging.transaction import Transaction

PORTION = 500
REMINDERS_AT_ONCE = 50


def timers(context: Context) -> tuple[Timer, ...]:
    """What the clock and other lanes cause."""
    reports = tuple(map(disbursement_reports, PARTNERS))
    return (
        Timer("return_unused", return_unused, beaten_by=()),
        Timer("release", partial(release, context), beaten_by=()),
        Timer("retry", partial(retry, context), beaten_by=reports),
        *(
            Timer(f"ask_{partner}", partial(ask, context, partner), beaten_by=(disbursement_reports(partner),))
            for partner in PARTNERS
        ),
        Timer("judge_again", judge_again, beaten_by=()),
    )


async def release(context: Context, tx: Transaction, lanes: Sequence[int]) -> int:
    """Pay held disbursements whose cure has come, and those for whom there is money, the oldest first.

    What a partner was told of before is put off until now, and left to `retry`.
    """
    cured = await load_releasable(tx.connection, lanes, PORTION)
    covered, beyond = await load_in_turn(tx.connection, lanes, PORTION)
    done = await pay(context, tx, list({d.right: d for d in (*cured, *covered, *beyond)}.values()), traces={})
    told = [d for d in covered if d.attempt > 0]
    return done + (await put_off(tx.connection, told, tx.now) if told else 0)


async def retry(context: Context, tx: Transaction, lanes: Sequence[int]) -> int:
    """Try again what was put off until now: a report that lay unread might have contradicted what was believed."""
    through = tx.read_through
    due = await load_retries(tx.connection, lanes, through, PORTION)
    return await pay(context, tx, due, traces={}, reports_read_through=through)


async def ask(context: Context, partner: str, tx: Transaction, lanes: Sequence[int]) -> int:
    """Ask a partner for the status of what it has not answered in time, once per interval. Nothing is sent anew.

    It waits for this partner's reports alone: another's that are not read hold up no question.
    """
    codes = await take_reminders(tx.connection, lanes, partner, tx.read_through, REMINDERS_AT_ONCE)
    under_way = [d for d in await load_under_way(tx.connection, codes) if d.partner == partner] if codes else []
    late = [d for d in under_way if d.look_again_at is not None and d.look_again_at <= tx.read_through]
    next_time = tx.now + context.answer_within
    if late:
        await postpone_questions(tx.connection, late, next_time, tx.now)
        for attempt in (await load_attempts(tx.connection, [str(d.reference) for d in late])).values():
            announce_question(tx, attempt)
    postponed = {d.right: ask_again(d, next_time) for d in late}
    await remind(tx, (postponed.get(d.right, d) for d in under_way), by=next_time)
    return len(codes)


async def return_unused(tx: Transaction, _: Sequence[int]) -> int:
    """Gives money that lies unused in purses, of whatever lane, back to waves whose money is short."""
    pots = await load_idle_pots(tx.connection)
    postings = await empty_purses(tx, pots) if pots else []
    await write_down(tx, postings)
    return len(postings)


async def judge_again(tx: Transaction, lanes: Sequence[int]) -> int:
    """Reports on unknown references waited while their lane was catching up; what is unknown still never was ours."""
    caught_up = [str(lane) for lane in lanes if not tx.catching_up(lane)]
    woken = await tx.waiting_keys(WAITS_FOR_CATCHING_UP, lanes, caught_up)
    for lane in woken:
        tx.wake(WAITS_FOR_CATCHING_UP, lane)
    return len(woken)
