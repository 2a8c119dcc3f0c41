"""Milestones: trainings completed and rated, and surveys answered, with which entitlements fall due."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from services.payment.context import Context
from services.payment.domain.deferral_kinds import ENROLLMENT
from services.payment.domain.disbursement import DisbursementKey, fall_due
from services.payment.domain.entitlement import (
    EarnedEntitlement,
    Enrollment,
    answer_survey,
    complete,
    earned_once_per_participant,
    newly_earned,
    rate,
)
from services.payment.payout.grants import forget_grants, load_announced_grants
from services.payment.payout.pay import pay
from services.payment.store.disbursements import load_grants
from services.payment.store.enrollments import load_enrollments, save_milestones
from shared.contracts.completion import CompletionConfirmed, SurveyAnswered, TrainingRated
from shared.messaging.message import Message
from shared.messaging.transaction.transaction import Transaction

MilestoneMessage = Message[CompletionConfirmed] | Message[TrainingRated] | Message[SurveyAnswered]


async def record_milestones(context: Context, tx: Transaction, messages: Sequence[MilestoneMessage]) -> None:
    """Store milestones and pay the benefits that fall due, some of them with a participant's first training only.

    A batch counts as one moment: the order of its messages decides nothing. Milestones of an unknown enrollment are
    deferred until it comes.
    """
    before = await load_enrollments(tx.connection, {m.data.participant_id for m in messages})
    after = dict(before)
    earned: list[EarnedEntitlement] = []
    traces: dict[DisbursementKey, str | None] = {}
    for message in messages:
        known = after.get(message.data.redeem_code)
        if known is None:
            tx.defer(message, ENROLLMENT, message.data.redeem_code)
            continue
        reached = _with_milestone(known, message.data, tx.now)
        if reached is not known:
            after[known.redeem_code] = reached
            for entitlement in newly_earned(known, reached):
                earned.append((reached, entitlement))
                traces[reached.redeem_code, entitlement.benefit] = message.trace
    if changed := [enrollment for code, enrollment in after.items() if enrollment is not before[code]]:
        await save_milestones(tx.connection, changed)
        due = [earned_entitlement for earned_entitlement in earned if not earned_entitlement[1].first_training_only]
        once = {
            (one.participant_id, entitlement.benefit) for one, entitlement in earned if entitlement.first_training_only
        }
        due += await _earned_once_per_participant(tx, once, after.values())
        await pay(context, tx, [fall_due(*earned_entitlement, tx.now) for earned_entitlement in due], traces)


def _with_milestone(
    enrollment: Enrollment, data: CompletionConfirmed | TrainingRated | SurveyAnswered, now: datetime
) -> Enrollment:
    match data:
        case CompletionConfirmed():
            return complete(enrollment, data.completed_at, noted_at=now)
        case TrainingRated():
            return rate(enrollment, data.rated_at)
        case SurveyAnswered():
            return answer_survey(enrollment, f"survey_{data.survey}", data.answered_at)


async def _earned_once_per_participant(
    tx: Transaction, reached: Collection[tuple[str, str]], enrollments: Iterable[Enrollment]
) -> list[EarnedEntitlement]:
    """Return the benefits paid once per participant that fall due.

    `reached`: (participant, benefit) of those that a training has just reached. `enrollments`: all of their trainings.
    """
    participants = {participant_id for participant_id, _ in reached}
    trainings: defaultdict[str, list[Enrollment]] = defaultdict(list)
    for enrollment in enrollments:
        if enrollment.participant_id in participants:
            trainings[enrollment.participant_id].append(enrollment)
    # A participant with one training has no grant with another, and what it has just reached was not granted before.
    others = [one.redeem_code for of_one in trainings.values() if len(of_one) > 1 for one in of_one]
    grants = await load_grants(tx.connection, others)
    announced = await load_announced_grants(tx, participants)
    due = [
        earned_entitlement
        for person, of_one in trainings.items()
        for earned_entitlement in earned_once_per_participant(of_one, grants.get(person, ()), announced.get(person, {}))
        if (person, earned_entitlement[1].benefit) in reached
    ]
    if announced:
        await forget_grants(tx, due)
    return due
