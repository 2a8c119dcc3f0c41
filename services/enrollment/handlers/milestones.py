"""Milestones: a training was completed or rated, or its completion revoked. The next purchase depends on them."""

from collections.abc import Sequence
from datetime import datetime

from services.enrollment.context import Context
from services.enrollment.domain.deferral_kinds import ENROLLMENT
from services.enrollment.handlers.forfeits import schedule_after_completions
from services.enrollment.handlers.purchase_decisions import redecide
from services.enrollment.store.enrollments import load_undecided_participants, mark_milestones, mark_reopened
from shared.contracts.completion import CompletionRevoked, TrainingCompleted, TrainingRated
from shared.messaging.message import Message, require_lane
from shared.messaging.transaction.transaction import Transaction

Milestone = Message[TrainingCompleted] | Message[TrainingRated] | Message[CompletionRevoked]


async def record_milestones(context: Context, tx: Transaction, messages: Sequence[Milestone]) -> None:
    """Store milestones and decide the purchases that they affect.

    After a restore a milestone may come before its enrollment is confirmed again: it is deferred.
    """
    completed: dict[tuple[str, str], datetime] = {}
    rated: dict[tuple[str, str], datetime] = {}
    revoked: dict[tuple[str, str], datetime] = {}
    reopened: dict[tuple[str, str], datetime] = {}
    for message in messages:
        data = message.data
        key = data.redeem_code, data.participant_id
        match data:
            case TrainingCompleted():
                completed.setdefault(key, data.completed_at)
                if data.reopened_at is not None:
                    reopened.setdefault(key, data.reopened_at)
            case TrainingRated():
                rated.setdefault(key, data.rated_at)
            case CompletionRevoked():
                revoked.setdefault(key, data.revoked_at)
    schemes = await mark_milestones(tx.connection, completed, rated, revoked)
    for message in messages:
        if message.data.redeem_code not in schemes:
            tx.defer(message, ENROLLMENT, message.data.redeem_code)
    known = [message for message in messages if message.data.redeem_code in schemes]
    starts = [
        (data.participant_id, require_lane(message), schemes[data.redeem_code], data.reopened_at or data.completed_at)
        for message in known
        if isinstance(data := message.data, TrainingCompleted)
    ]
    if reopened:
        await mark_reopened(tx.connection, reopened)
    await schedule_after_completions(context, tx, starts)
    done = {message.data.participant_id for message in known}
    if undecided := await load_undecided_participants(tx.connection, done):
        await redecide(context, tx, undecided)
