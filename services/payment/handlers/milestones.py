"""Milestones: trainings completed and rated, and surveys answered, with which entitlements fall due."""

from collections.abc import Sequence
from datetime import datetime

from services.payment.context import Context
from services.payment.domain.deferral_kinds import ENROLLMENT
from services.payment.domain.disbursement import DisbursementKey, fall_due
from services.payment.domain.entitlement import (
    COMPLETED,
    RATED,
    EarnedEntitlement,
    Enrollment,
    answer_survey,
    complete,
    newly_earned,
    rate,
)
from services.payment.payout.grants import forget_grants, load_earned_once, load_instructed_before
from services.payment.payout.pay import pay
from services.payment.payout.series import schedule_monthly_dues
from services.payment.store.enrollments import load_enrollments, save_milestones
from shared.contracts.completion import SurveyAnswered, TrainingCompleted, TrainingRated
from shared.messaging.message import Message
from shared.messaging.sequence_number import sequence_in
from shared.messaging.transaction.transaction import Transaction

MilestoneMessage = Message[TrainingCompleted] | Message[TrainingRated] | Message[SurveyAnswered]


async def record_milestones(context: Context, tx: Transaction, messages: Sequence[MilestoneMessage]) -> None:
    """Store milestones and pay the benefits that fall due, some of them with a participant's first training only.

    A batch counts as one moment: the order of its messages decides nothing. Milestones of an unknown enrollment are
    deferred until it comes. With an annulled training only that falls due which was instructed before a restore.
    """
    before = await load_enrollments(tx.connection, {m.data.participant_id for m in messages})
    after = dict(before)
    earned: list[EarnedEntitlement] = []
    traces: dict[DisbursementKey, str | None] = {}
    caused_by: dict[tuple[str, str], int] = {}
    for message in messages:
        known = after.get(message.data.redeem_code)
        if known is None:
            tx.defer(message, ENROLLMENT, message.data.redeem_code)
            continue
        reached = _with_milestone(known, message.data, tx.now)
        if reached is not known:
            caused_by[known.redeem_code, _milestone(message.data)] = sequence_in(message.id)
            after[known.redeem_code] = reached
            for entitlement in newly_earned(known, reached):
                earned.append((reached, entitlement))
                traces[reached.redeem_code, entitlement.benefit] = message.trace
    if changed := [enrollment for code, enrollment in after.items() if enrollment is not before[code]]:
        await save_milestones(tx.connection, changed, caused_by)
        standing = [one for one in earned if not one[0].is_annulled]
        due = [one for one in standing if not one[1].first_training_only]
        repeated = await load_instructed_before(context, tx, [one for one in earned if one[0].is_annulled])
        once = {(one.participant_id, it.benefit) for one, it in standing if it.first_training_only}
        due += repeated + await load_earned_once(tx, once, after.values())
        # Not before the others are found: what was had again with an annulled training falls due with no other.
        await forget_grants(tx, repeated)
        await schedule_monthly_dues(tx, due)
        await pay(context, tx, [fall_due(*earned_entitlement, tx.now) for earned_entitlement in due], traces)


def _with_milestone(
    enrollment: Enrollment, data: TrainingCompleted | TrainingRated | SurveyAnswered, now: datetime
) -> Enrollment:
    match data:
        case TrainingCompleted():
            return complete(enrollment, data.completed_at, noted_at=now)
        case TrainingRated():
            return rate(enrollment, data.rated_at)
        case SurveyAnswered():
            return answer_survey(enrollment, f"survey_{data.survey}", data.answered_at)


def _milestone(data: TrainingCompleted | TrainingRated | SurveyAnswered) -> str:
    match data:
        case TrainingCompleted():
            return COMPLETED
        case TrainingRated():
            return RATED
        case SurveyAnswered():
            return f"survey_{data.survey}"
