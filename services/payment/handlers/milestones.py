"""What completion decided: trainings completed and rated. Here rights to money fall due."""

from collections.abc import Sequence

from services.payment.domain.disbursement import Disbursement, fall_due
from services.payment.domain.right import complete, newly_due, rate
from services.payment.handlers import Context
from services.payment.handlers.paying import pay
from services.payment.store.enrollments import load_enrollments, save_milestones
from shared.contracts.completion import CompletionConfirmed, TrainingRated
from shared.messaging.message import Message
from shared.messaging.transaction import Transaction


async def note_milestones(
    context: Context, tx: Transaction, messages: Sequence[Message[CompletionConfirmed] | Message[TrainingRated]]
) -> None:
    """What a completed training earns falls due, some of it once it is rated too.

    Only the first training that a participant completes earns everything.
    """
    before = await load_enrollments(tx.connection, {m.data.participant_id for m in messages})
    after = dict(before)
    completed = {e.participant_id for e in before.values() if e.completed_at is not None}
    due: list[Disbursement] = []
    traces: dict[tuple[str, str], str | None] = {}
    for message in messages:
        known = after.get(message.data.redeem_code)
        if known is None:
            tx.wait(message, "enrollment", message.data.redeem_code)
            continue
        if isinstance(message.data, CompletionConfirmed):
            is_first = known.participant_id not in completed
            completed.add(known.participant_id)
            reached = complete(known, message.data.completed_at, noted_at=tx.now, is_first=is_first)
        else:
            reached = rate(known, message.data.rated_at)
        if reached is not known:
            after[known.redeem_code] = reached
            for entitlement in newly_due(known, reached):
                due.append(fall_due(reached, entitlement, tx.now))
                traces[due[-1].right] = message.trace
    if changed := [enrollment for code, enrollment in after.items() if enrollment is not before[code]]:
        await save_milestones(tx.connection, changed)
        await pay(context, tx, due, traces)
