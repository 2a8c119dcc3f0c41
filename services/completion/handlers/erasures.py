"""Erasures: participants of whom nothing that was parked can be opened any more."""

from collections.abc import Sequence

from shared.contracts.enrollment import ParticipantErased
from shared.messaging.message import Message
from shared.messaging.transaction.transaction import Transaction


async def destroy_keys(tx: Transaction, messages: Sequence[Message[ParticipantErased]]) -> None:
    """Destroy the keys of erased participants for ever. Evidence holds nothing personal, so their trainings go on."""
    await tx.erase_personal({message.data.participant_id for message in messages})
