"""The deadline of trainings: an enrollment that is still open after its last day becomes `not_completed`."""

from collections.abc import Sequence

from services.completion.domain.completion import Completion, Incomplete, decide_completion
from services.completion.domain.enrollment import Enrollment
from services.completion.domain.evidence import Evidence
from services.completion.handlers.outcome import EnrollmentOutcome, record_outcomes, rejection_event
from services.completion.store.deadlines import take_deadlines
from services.completion.store.enrollments import load_open_enrollments
from services.completion.store.evidence import load_evidence
from shared.errors import InvariantBroken
from shared.messaging.transaction.subscription import Timer
from shared.messaging.transaction.transaction import Transaction

PORTION = 500
# An enrollment may have a thousand pieces of evidence, and all of them are loaded.
DECIDED_AT_ONCE = 50


def timers() -> tuple[Timer, ...]:
    return (Timer("give_up", expire_overdue),)


async def expire_overdue(tx: Transaction, lanes: Sequence[int]) -> int:
    """Reject the completion of enrollments that are still open after their last day; return how many were due."""
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
    """Raise InvariantBroken if nothing is missing: its last piece of evidence should have completed it."""
    match decide_completion(enrollment.rule, evidence):
        case Incomplete() as incomplete:
            return EnrollmentOutcome(enrollment, rejection_event(enrollment, incomplete))
        case Completion():
            raise InvariantBroken(
                enrollment.redeem_code, "it is overdue and open, but has all its evidence; check it with `verify`"
            )
