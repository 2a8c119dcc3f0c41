"""What is due by the clock, and what waits for a wave that has opened."""

from collections.abc import Sequence
from functools import partial

from services.enrollment.handlers import WAVE, Context
from services.enrollment.handlers.settling import look_again
from services.enrollment.store.enrollment import due_participants
from services.enrollment.store.wave import load_opened
from shared.messaging.subscription import Timer
from shared.messaging.transaction import Transaction

PORTION = 500


def timers(context: Context) -> tuple[Timer, ...]:
    return (
        Timer("take_up_waves", take_up_waves, beaten_by=()),
        Timer("decide_overdue", partial(decide_overdue, context)),
    )


async def take_up_waves(tx: Transaction, lanes: Sequence[int]) -> int:
    """Wakes whoever applied before their wave was opened; returns how many waves it was."""
    opened = await tx.waiting_keys(WAVE, lanes, among=await load_opened(tx.connection))
    for wave in opened:
        tx.wake(WAVE, wave)
    return len(opened)


async def decide_overdue(context: Context, tx: Transaction, lanes: Sequence[int]) -> int:
    """Rejects purchases whose time is up, once all that came in time has been read; returns of how many people."""
    people = await due_participants(tx.connection, lanes, tx.read_through, PORTION)
    if people:
        await look_again(context, tx, people)
    return len(people)
