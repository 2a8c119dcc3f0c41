"""Series: the monthly incentives, scheduled when the first one falls due, and loaded when their time has come."""

from collections.abc import Collection, Sequence

from services.payment.context import Context
from services.payment.domain.entitlement import EarnedEntitlement
from services.payment.domain.series import earned_by_month, monthly_dues
from services.payment.payout.grants import forget_grants, load_announced_grants, load_instructed_before
from services.payment.store.disbursements import load_grants
from services.payment.store.enrollments import load_enrollments
from services.payment.store.monthly_dues import TakenDue, insert_monthly_dues
from shared.messaging.transaction.transaction import Transaction


async def schedule_monthly_dues(tx: Transaction, fallen_due: Sequence[EarnedEntitlement]) -> None:
    """Store when the series of each first incentive is to fall due, where the scheme has one."""
    if dues := [due for earned in fallen_due for due in monthly_dues(earned)]:
        await insert_monthly_dues(tx.connection, dues)


async def load_earned_by_month(
    context: Context, tx: Transaction, dues: Collection[TakenDue]
) -> list[EarnedEntitlement]:
    """Return those of these incentives whose series stands.

    Of an annulled training only those fall due that a partner was instructed to pay before a restore.
    """
    participants = {due.participant_id for due in dues}
    enrollments = await load_enrollments(tx.connection, participants)
    grants = await load_grants(tx.connection, enrollments)
    announced = await load_announced_grants(tx, participants)
    found = [
        earned_by_month(
            enrollments[due.redeem_code],
            due.benefit,
            grants.get(due.participant_id, ()),
            announced.get(due.participant_id, {}),
        )
        for due in dues
    ]
    series = [one for one in found if one is not None]
    earned = [one for one in series if not one[0].is_annulled]
    earned += await load_instructed_before(context, tx, [one for one in series if one[0].is_annulled])
    if announced:
        await forget_grants(tx, earned)
    return earned
