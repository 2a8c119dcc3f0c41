"""What is due by the clock: trainings whose time to be completed is over."""

from collections.abc import Sequence

from services.completion.domain.completion import Completion, Incomplete, decide_completion
from services.completion.domain.enrollment import Enrollment
from services.completion.domain.evidence import Evidence
from services.completion.handlers.concluding import Conclusion, conclude, rejected
from services.completion.store import load_evidence, load_open, take_deadlines
from shared.messaging.subscription import Timer
from shared.messaging.transaction import Transaction

PORTION = 500
# Each may have a thousand pieces of evidence, and all of them are looked at.
JUDGED_AT_ONCE = 50


def timers() -> tuple[Timer, ...]:
    """One: what is not completed in time."""
    return (Timer("give_up", give_up),)


async def give_up(tx: Transaction, lanes: Sequence[int]) -> int:
    """Rejects the completion of what is still open after its last day, for good; returns how many were looked at."""
    codes = await take_deadlines(tx.connection, lanes, tx.read_through, PORTION)
    overdue = await load_open(tx.connection, codes) if codes else []
    conclusions = []
    for first in range(0, len(overdue), JUDGED_AT_ONCE):
        judged = overdue[first : first + JUDGED_AT_ONCE]
        evidence = await load_evidence(tx.connection, {enrollment.redeem_code for enrollment in judged})
        conclusions += [_conclusion(enrollment, evidence[enrollment.redeem_code]) for enrollment in judged]
    await conclude(tx, conclusions)
    return len(codes)


def _conclusion(enrollment: Enrollment, evidence: Sequence[Evidence]) -> Conclusion:
    """Raises ValueError if nothing is missing: then it should have been completed when the last of it came."""
    match decide_completion(enrollment.rule, evidence):
        case Incomplete() as incomplete:
            return Conclusion(enrollment, rejected(enrollment, incomplete))
        case Completion():
            raise ValueError(f"{enrollment.redeem_code} has all its evidence and is open")
