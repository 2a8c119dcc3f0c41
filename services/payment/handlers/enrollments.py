"""Enrollments as enrollment confirmed them, with the benefits they promise."""

from collections.abc import Sequence

from services.payment.domain.deferral_kinds import ENROLLMENT
from services.payment.domain.entitlement import Enrollment, Entitlement, Payee
from services.payment.payout.cut_offs import CutOffRecorder
from services.payment.store.enrollments import Origin, insert_enrollments, load_known_enrollments
from shared.contracts.enrollment import EnrollmentBenefits
from shared.contracts.park_reasons import ParkReason
from shared.messaging.message import Message, require_lane
from shared.messaging.sequence_number import sequence_in
from shared.messaging.transaction.transaction import Transaction


async def record_enrollments(
    cut_offs: CutOffRecorder, tx: Transaction, messages: Sequence[Message[EnrollmentBenefits]]
) -> None:
    """Store new enrollments and the cut-offs of their waves, and release the records deferred for them.

    The first confirmation of a redeem code stands: another one of different content is parked.
    """
    known = await load_known_enrollments(tx.connection, {message.data.redeem_code for message in messages})
    new: dict[str, Enrollment] = {}
    origins: list[Origin] = []
    for message in messages:
        enrollment = _enrollment(message)
        earlier = known.setdefault(enrollment.redeem_code, enrollment)
        if earlier is enrollment:
            new[enrollment.redeem_code] = enrollment
            data = message.data
            origins.append(Origin(data.scheme, data.scheme_version, sequence_in(message.id)))
        elif earlier != enrollment:
            tx.park(message, ParkReason.CONFLICT)
    await insert_enrollments(tx.connection, list(new.values()), origins)
    await cut_offs.record(tx, (message.data for message in messages))
    for redeem_code in new:
        tx.release(ENROLLMENT, redeem_code)


def _enrollment(message: Message[EnrollmentBenefits]) -> Enrollment:
    data = message.data
    return Enrollment(
        redeem_code=data.redeem_code,
        participant_id=data.participant_id,
        lane=require_lane(message),
        wave=data.wave,
        provider_id=data.provider_id,
        clawback_days=data.clawback_days,
        entitlements=tuple(
            Entitlement(
                benefit=benefit.benefit,
                amount=benefit.amount.value,
                payee=Payee(benefit.payee),
                milestone=benefit.milestone,
                first_training_only=benefit.first_training_only,
                months_after=benefit.months_after,
            )
            for benefit in data.benefits
        ),
    )
