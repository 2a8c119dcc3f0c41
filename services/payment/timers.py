"""What is due by the clock, for the lanes this process holds."""

from collections.abc import Sequence
from functools import partial

from services.payment.domain.disbursement import ask_again
from services.payment.handlers import Context
from services.payment.handlers.announcing import announce_question
from services.payment.handlers.bookkeeping import write_down
from services.payment.handlers.changing import save_changes
from services.payment.handlers.paying import pay
from services.payment.handlers.reports import WAITS_FOR_REFERENCE
from services.payment.handlers.spending import return_purses
from services.payment.store.attempts import load_attempts
from services.payment.store.disbursements import load_releasable, load_unanswered
from services.payment.store.funds import load_idle_purses
from shared.contracts.topics import LANES
from shared.messaging.subscription import Timer
from shared.messaging.transaction import Transaction

PORTION = 500


def timers(context: Context) -> tuple[Timer, ...]:
    """What the clock and other lanes cause."""
    return (
        Timer("release", partial(release, context)),
        Timer("ask", partial(ask, context)),
        Timer("return_unused", return_unused),
        Timer("judge_again", judge_again),
    )


async def release(context: Context, tx: Transaction, lanes: Sequence[int]) -> int:
    """Pays held disbursements whose cure has come, the oldest first."""
    return await pay(context, tx, await load_releasable(tx.connection, lanes, tx.now, PORTION), traces={})


async def ask(context: Context, tx: Transaction, lanes: Sequence[int]) -> int:
    """Asks partners for the status of what they have not answered in time, once per interval. Nothing is sent anew."""
    late = await load_unanswered(tx.connection, lanes, tx.read_through, PORTION)
    if not late:
        return 0
    await save_changes(tx, [(d, ask_again(d, tx.now + context.answer_within)) for d in late])
    attempts = await load_attempts(tx.connection, [d.reference for d in late if d.reference is not None])
    for attempt in attempts.values():
        announce_question(tx, attempt)
    return len(late)


async def return_unused(tx: Transaction, lanes: Sequence[int]) -> int:
    """Gives money that lies unused in these lanes back to its wave when other lanes wait for it."""
    idle = await load_idle_purses(tx.connection, lanes, range(LANES))
    if idle:
        await write_down(tx, await return_purses(tx, idle))
    return len(idle)


async def judge_again(tx: Transaction, lanes: Sequence[int]) -> int:
    """Reports on unknown references waited while lanes were catching up; what is unknown still never was ours.

    Only what our own topics hold goes on waiting, until its right has been read again.
    """
    caught_up = [lane for lane in lanes if not tx.catching_up(lane)]
    references = await tx.waiting_keys(WAITS_FOR_REFERENCE, caught_up)
    ours = await load_attempts(tx.connection, references) if references else {}
    decided = [r for r in references if r not in ours or not ours[r].is_only_adopted]
    for reference in decided:
        tx.wake(WAITS_FOR_REFERENCE, reference)
    return len(decided)
