"""Blocks and unblocks of participants. What was confirmed before one was read stands."""

from collections.abc import Sequence

from services.enrollment.context import Context
from services.enrollment.domain.deferral_kinds import PARTICIPANT
from services.enrollment.handlers.purchase_decisions import redecide
from services.enrollment.store.admissions import load_admissions
from services.enrollment.store.blocks import StoredBlock, insert_blocks, load_blocks
from services.enrollment.store.enrollments import load_undecided_participants
from shared.contracts import enrollment, upstream
from shared.messaging.message import Message, require_lane
from shared.messaging.transaction.transaction import Transaction

BlockMessage = Message[upstream.ParticipantBlocked] | Message[upstream.ParticipantUnblocked]


async def note_blocks(context: Context, tx: Transaction, messages: Sequence[BlockMessage]) -> None:
    """Store blocks and unblocks, emit each of them once, and decide the purchases that it concerns.

    Also one that is not the latest counts for what was paid meanwhile. Those of a refused person are noted too: a later
    wave may admit them.
    """
    people = {message.data.participant_id for message in messages}
    applied = await load_admissions(tx.connection, people)
    known = await load_blocks(tx.connection, people)
    noted = []
    for message in messages:
        person = message.data.participant_id
        if person not in applied:
            tx.defer(message, PARTICIPANT, person)
            continue
        stored, before = _stored(message), known.setdefault(person, [])
        if all(stored.block != other.block for other in before):
            stored = stored._replace(carried_by=_emit(tx, stored, message.trace))
            before.append(stored)
            noted.append(stored)
    if noted:
        await insert_blocks(tx.connection, noted)
        concerned = {block.participant_id for block in noted}
        if undecided := await load_undecided_participants(tx.connection, concerned):
            await redecide(context, tx, undecided)


def _stored(message: BlockMessage) -> StoredBlock:
    data, lane = message.data, require_lane(message)
    if isinstance(data, upstream.ParticipantBlocked):
        return StoredBlock(data.participant_id, data.blocked_at, True, lane, data.reason)
    return StoredBlock(data.participant_id, data.unblocked_at, False, lane, data.reason)


def _emit(tx: Transaction, stored: StoredBlock, trace: str | None) -> int | None:
    """Emit a block or unblock and return the number of its event."""
    person, reason = stored.participant_id, stored.reason
    if stored.blocked:
        blocked = enrollment.ParticipantBlocked(participant_id=person, reason=reason, blocked_at=stored.at)
        return tx.emit(enrollment.PARTICIPANT_BLOCKED, blocked, lane=stored.lane, key=person, trace=trace)
    unblocked = enrollment.ParticipantUnblocked(participant_id=person, reason=reason, unblocked_at=stored.at)
    return tx.emit(enrollment.PARTICIPANT_UNBLOCKED, unblocked, lane=stored.lane, key=person, trace=trace)
