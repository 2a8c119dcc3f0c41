"""Erasures: participants of whom nothing personal is kept, and with whose trainings nothing more is paid."""

from collections.abc import Sequence

from services.payment.context import Context
from services.payment.domain.disbursement import State
from services.payment.payout.erased_participants import erase_account_numbers, mark_erased
from services.payment.payout.pay import pay
from services.payment.store.erasures import Erasure, insert_erasures
from shared.contracts.enrollment import ParticipantErased
from shared.messaging.message import Message, require_lane
from shared.messaging.sequence_number import sequence_in
from shared.messaging.transaction.transaction import Transaction


async def erase_participants(context: Context, tx: Transaction, messages: Sequence[Message[ParticipantErased]]) -> None:
    """Cancel what is held with the trainings of erased participants, and erase their account numbers.

    What is at a partner goes on, marked; what was paid stays in the books.
    """
    first: dict[str, Message[ParticipantErased]] = {}
    for message in messages:
        first.setdefault(message.data.participant_id, message)
    erasures = [Erasure(person, require_lane(m), m.data.erased_at, sequence_in(m.id)) for person, m in first.items()]
    new = await insert_erasures(tx.connection, erasures)
    if not new:
        return
    held = [d for d in await mark_erased(tx, new) if d.state is State.HELD]
    await pay(context, tx, held, {d.key: first[d.participant_id].trace for d in held})
    await erase_account_numbers(context, tx, new)
