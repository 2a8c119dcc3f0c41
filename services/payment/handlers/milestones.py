"""What completion decided: trainings completed and rated. Here rights to money fall due."""

from collections.abc import Mapping, Sequence

from services.payment.domain.disbursement import fall_due
from services.payment.domain.right import Enrollment, complete, newly_due, rate
from services.payment.handlers import Context
from services.payment.handlers.paying import pay
from services.payment.store.enrollments import load_enrollments, save_milestones
from shared.contracts.completion import CompletionConfirmed, TrainingRated
from shared.messaging.message import Message
from shared.messaging.transaction import Transaction


async def note_completions(context: Context, tx: Transaction, messages: Sequence[Message[CompletionConfirmed]]) -> None:
    """What a completed training earns falls due; only the first one that a participant completes earns some of it."""
    before = await load_enrollments(tx.connection, {m.data.participant_id for m in messages})
    after = dict(before)
    completed = {e.participant_id for e in before.values() if e.completed_at is not None}
    for message in messages:
        enrollment = after.get(message.data.redeem_code)
        if enrollment is None:
            tx.wait(message, "enrollment", message.data.redeem_code)
            continue
        is_first = enrollment.participant_id not in completed
        completed.add(enrollment.participant_id)
        after[enrollment.redeem_code] = complete(
            enrollment, message.data.completed_at, noted_at=tx.now, is_first=is_first
        )
    await _fall_due(context, tx, messages, before, after)


async def note_ratings(context: Context, tx: Transaction, messages: Sequence[Message[TrainingRated]]) -> None:
    """What a training earns once it is completed and rated falls due."""
    before = await load_enrollments(tx.connection, {m.data.participant_id for m in messages})
    after = dict(before)
    for message in messages:
        enrollment = after.get(message.data.redeem_code)
        if enrollment is None:
            tx.wait(message, "enrollment", message.data.redeem_code)
            continue
        after[enrollment.redeem_code] = rate(enrollment, message.data.rated_at)
    await _fall_due(context, tx, messages, before, after)


async def _fall_due(
    context: Context,
    tx: Transaction,
    messages: Sequence[Message[CompletionConfirmed] | Message[TrainingRated]],
    before: Mapping[str, Enrollment],
    after: Mapping[str, Enrollment],
) -> None:
    changed = [enrollment for code, enrollment in after.items() if enrollment is not before[code]]
    if not changed:
        return
    await save_milestones(tx.connection, changed)
    due = [fall_due(e, right, tx.now) for e in changed for right in newly_due(before[e.redeem_code], e)]
    # Of several words on one training the first counts.
    causes = {message.data.redeem_code: message for message in reversed(messages)}
    await pay(context, tx, due, {d.right: causes[d.redeem_code].trace for d in due})
