"""What is due by the clock: trainings whose time to be completed is over."""

from collections.abc import Sequence

from services.completion.domain.completion import Completion, Incomplete, decide_completion
from services.completion.domain.enrollment import Enrollment
from services.completion.domain.evidence import Evidence
from services.completion.handlers.outcome import EnrollmentOutcome, record_outcomes, rejection_event
from services.completion.store import load_evidence, load_open_enrollments, take_deadlines
from shared.messaging.transaction.subscription import Timer
from shared.messaging.transaction.transaction import Transaction

PORTION = 500
# Each may have a thousand pieces of evidence, and all of them are looked at.
DECIDED_AT_ONCE = 50


def timers() -> tuple[Timer, ...]:
    """One: what is not completed in time."""
    return (Timer("give_up", expire_overdue),)


async def expire_overdue(tx: Transaction, lanes: Sequence[int]) -> int:
    """Rejects the completion of what is still open after its last day, for good; returns how many were looked at."""
    codes = await take_deadlines(tx.connection, lanes, tx.watermark, PORTION)
    overdue = await load_open_enrollments(tx.connection, codes) if codes else []
    outcomes = []
    for first in range(0, len(overdue), DECIDED_AT_ONCE):
        portion = overdue[first : first + DECIDED_AT_ONCE]
        evidence = await load_evidence(tx.connection, {enrollment.redeem_code for enrollment in portion})
        outcomes += [_rejection_outcome(enrollment, evidence[enrollment.redeem_code]) for enrollment in portion]
    await record_outcomes(tx, outcomes)
    return len(codes)


def _rejection_outcome(enrollment: Enrollment, evidence: Sequence[Evidence]) -> EnrollmentOutcome:
    """Raises ValueError if nothing is missing: then it should have been completed when the last of it came."""
    match decide_completion(enrollment.rule, evidence):
        case Incomplete() as incomplete:
            return EnrollmentOutcome(enrollment, rejection_event(enrollment, incomplete))
        case Completion():
            raise ValueError(f"{enrollment.redeem_code} has all its evidence and is open")
