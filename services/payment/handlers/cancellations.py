"""Cancellations: trainings voided and completions revoked, after which nothing more is earned with them."""

from collections.abc import Sequence

from services.payment.context import Context
from services.payment.domain.deferral_kinds import ENROLLMENT
from services.payment.domain.disbursement import State, annul, fall_due
from services.payment.domain.entitlement import Annulment, Enrollment, annulment_of, revoke, void
from services.payment.payout.announced_cancellations import forget_cancellations, load_announced_cancellations
from services.payment.payout.claims import claim_payments
from services.payment.payout.grants import forget_annulled_grants, load_earned_once
from services.payment.payout.pay import pay
from services.payment.payout.series import schedule_monthly_dues
from services.payment.store.claims import load_payments
from services.payment.store.disbursements import annul_disbursements, load_unpaid
from services.payment.store.enrollments import load_enrollments, save_annulments
from shared.contracts.completion import CompletionRevoked
from shared.contracts.enrollment import EnrollmentVoided
from shared.messaging.message import Message
from shared.messaging.sequence_number import sequence_in
from shared.messaging.transaction.transaction import Transaction

CancellationMessage = Message[EnrollmentVoided] | Message[CompletionRevoked]


async def annul_trainings(context: Context, tx: Transaction, messages: Sequence[CancellationMessage]) -> None:
    """Cancel what is held of these trainings, and claim what was paid; what is at a partner goes on, marked.

    A benefit that a participant has once, cancelled before any partner was instructed, falls due with another training
    that has earned it. A message about an unknown enrollment is deferred until it comes.
    """
    before = await load_enrollments(tx.connection, {m.data.participant_id for m in messages})
    after = dict(before)
    causes: dict[str, str | None] = {}
    caused_by: dict[tuple[str, str], int] = {}
    for message in messages:
        known = after.get(message.data.redeem_code)
        if known is None:
            tx.defer(message, ENROLLMENT, message.data.redeem_code)
            continue
        after[known.redeem_code] = _annulled(known, message.data)
        what = Annulment.VOIDED if isinstance(message.data, EnrollmentVoided) else Annulment.REVOKED
        caused_by.setdefault((known.redeem_code, what.value), sequence_in(message.id))
        causes.setdefault(known.redeem_code, message.trace)
    if changed := [enrollment for code, enrollment in after.items() if enrollment is not before[code]]:
        await save_annulments(tx.connection, changed, caused_by)
    annulled = {e.redeem_code: e for e in changed if not before[e.redeem_code].is_annulled}
    if not annulled:
        return
    unpaid = [annul(d, _annulment(annulled[d.redeem_code])) for d in await load_unpaid(tx.connection, annulled)]
    await annul_disbursements(tx.connection, unpaid, tx.now)
    traces = {d.key: causes[d.redeem_code] for d in unpaid}
    await pay(context, tx, [d for d in unpaid if d.state is State.HELD], traces)
    payments = await load_payments(tx.connection, annulled)
    await claim_payments(tx, payments, {p.disbursement.key: causes[p.disbursement.redeem_code] for p in payments})
    announced = await load_announced_cancellations(tx, {enrollment.participant_id for enrollment in annulled.values()})
    await forget_cancellations(tx, [key for key in announced if key[0] in annulled])
    await _grant_again(context, tx, annulled, after, causes)


async def _grant_again(
    context: Context,
    tx: Transaction,
    annulled: dict[str, Enrollment],
    enrollments: dict[str, Enrollment],
    causes: dict[str, str | None],
) -> None:
    """Pay benefits that annulled trainings leave to others of the same participants."""
    await forget_annulled_grants(context, tx, list(annulled.values()))
    left = {
        (enrollment.participant_id, entitlement.benefit): causes[enrollment.redeem_code]
        for enrollment in annulled.values()
        for entitlement in enrollment.entitlements
        if entitlement.first_training_only
    }
    earned = await load_earned_once(tx, left, enrollments.values())
    await schedule_monthly_dues(tx, earned)
    due = [fall_due(*earned_entitlement, tx.now) for earned_entitlement in earned]
    await pay(context, tx, due, {d.key: left[d.participant_id, d.benefit] for d in due})


def _annulled(enrollment: Enrollment, data: EnrollmentVoided | CompletionRevoked) -> Enrollment:
    if isinstance(data, EnrollmentVoided):
        return void(enrollment, data.voided_at)
    return revoke(enrollment, data.revoked_at)


def _annulment(enrollment: Enrollment) -> Annulment:
    annulment = annulment_of(enrollment)
    assert annulment is not None
    return annulment[0]
