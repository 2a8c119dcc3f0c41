"""The end of confirmed enrollments by a void: stored, and announced once."""

from collections.abc import Collection, Mapping, Sequence

from services.enrollment.context import Context
from services.enrollment.handlers.forfeits import schedule_after_voids
from services.enrollment.store.admissions import Admission
from services.enrollment.store.enrollments import Enrollment
from services.enrollment.store.voids import void_enrollments
from shared.contracts import enrollment
from shared.errors import InvariantBroken
from shared.messaging.transaction.transaction import Transaction


async def void_confirmed(
    context: Context,
    tx: Transaction,
    enrollments: Sequence[Enrollment],
    admissions: Mapping[str, Sequence[Admission]],
    announced: Collection[str] = (),
) -> None:
    """Void confirmed enrollments that carry their void; emit those not announced before a restore."""
    carried_by = []
    for one in enrollments:
        number = None
        if one.redeem_code not in announced:
            event, person = _event(one, admissions[one.participant_id]), one.participant_id
            number = tx.emit(enrollment.ENROLLMENT_VOIDED, event, lane=one.lane, key=person, trace=one.trace)
        carried_by.append(number)
    await void_enrollments(tx.connection, enrollments, carried_by, tx.now)
    await schedule_after_voids(context, tx, enrollments, admissions)


def _event(one: Enrollment, admissions: Sequence[Admission]) -> enrollment.EnrollmentVoided:
    wave = next((admission.wave for admission in admissions if admission.admitted), None)
    if wave is None or one.voided_at is None or one.void_reason is None:
        raise InvariantBroken(one.redeem_code, "it was confirmed for nobody admitted; find out who changed the rows")
    return enrollment.EnrollmentVoided(
        participant_id=one.participant_id,
        redeem_code=one.redeem_code,
        wave=wave,
        reason=one.void_reason,
        voided_at=one.voided_at,
    )
