"""Timers: purchases and balances whose time is up, and what waits for an opened wave or an approved course."""

from collections.abc import Sequence
from functools import partial

from services.enrollment.context import Context
from services.enrollment.domain.deferral_kinds import WAVE
from services.enrollment.handlers.forfeits import forfeit_balances
from services.enrollment.handlers.purchase_decisions import redecide
from services.enrollment.store.courses import load_participants_with_course
from services.enrollment.store.enrollments import load_due_participants
from services.enrollment.store.forfeits import take_purchase_deadlines
from services.enrollment.store.waves import load_opened_waves
from shared.contracts.topics import COMPLETION_EVENTS, ENROLLMENT_REQUESTS, TRAINING_PURCHASES
from shared.messaging.transaction.subscription import Timer
from shared.messaging.transaction.transaction import Transaction

PORTION = 500
# Of what is bought: admissions and voids, purchases, and completions that start another deadline.
PREVENTING_FORFEITS = (ENROLLMENT_REQUESTS, TRAINING_PURCHASES, COMPLETION_EVENTS)


def timers(context: Context) -> tuple[Timer, ...]:
    return (
        Timer("take_up_waves", release_opened_waves, prevented_by=()),
        Timer("take_up_courses", partial(decide_approved, context)),
        Timer("decide_overdue", partial(decide_overdue, context)),
        Timer("forfeit_overdue", partial(forfeit_overdue, context), PREVENTING_FORFEITS),
    )


async def release_opened_waves(tx: Transaction, lanes: Sequence[int]) -> int:
    """Release applications that came before their wave was opened; return the number of waves."""
    opened = await tx.deferred_keys(WAVE, lanes, among=await load_opened_waves(tx.connection))
    for wave in opened:
        tx.release(WAVE, wave)
    return len(opened)


async def decide_approved(context: Context, tx: Transaction, lanes: Sequence[int]) -> int:
    """Decide purchases that came before the approval of their course; return the number of participants."""
    people = await load_participants_with_course(tx.connection, lanes, PORTION)
    if people:
        await redecide(context, tx, people)
    return len(people)


async def decide_overdue(context: Context, tx: Transaction, lanes: Sequence[int]) -> int:
    """Decide purchases that are due and read in full by now; return the number of participants."""
    people = await load_due_participants(tx.connection, lanes, tx.watermark, PORTION)
    if people:
        await redecide(context, tx, people)
    return len(people)


async def forfeit_overdue(context: Context, tx: Transaction, lanes: Sequence[int]) -> int:
    """Forfeit balances for which a deadline has passed; return the number of participants."""
    people = await take_purchase_deadlines(tx.connection, lanes, tx.watermark, PORTION)
    if people:
        await forfeit_balances(context, tx, people)
    return len(people)
