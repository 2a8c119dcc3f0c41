"""Blocks: participants who are paid nothing from now on, and those who are paid again."""

from collections.abc import Collection, Mapping, Sequence

from services.payment.context import Context
from services.payment.domain.block import Block, blocked_since
from services.payment.domain.claim import is_block_over
from services.payment.domain.disbursement import Disbursement, HoldReason
from services.payment.domain.entitlement import Payee
from services.payment.domain.reason_codes import hold_again
from services.payment.payout.claims import UNBLOCKED, claim_payments, withdraw_claims
from services.payment.payout.disbursements import save_changes
from services.payment.payout.events import Traces, emit_state
from services.payment.payout.pay import pay
from services.payment.store.attempts import load_attempts
from services.payment.store.blocks import StoredBlock, insert_blocks, load_blocks, load_held_of_trainings
from services.payment.store.claims import load_open_block_claims, load_payments
from services.payment.store.disbursements import EventNumbers
from services.payment.store.enrollments import load_enrollments
from shared.contracts.enrollment import ParticipantBlocked, ParticipantUnblocked
from shared.messaging.message import Message, require_lane
from shared.messaging.sequence_number import sequence_in
from shared.messaging.transaction.transaction import Transaction

BlockMessage = Message[ParticipantBlocked] | Message[ParticipantUnblocked]


async def apply_blocks(context: Context, tx: Transaction, messages: Sequence[BlockMessage]) -> None:
    """Hold all that is unpaid of blocked participants, and pay it on once they are unblocked.

    Cash that was paid to a participant who has been blocked since before is claimed back; an unblock withdraws these
    claims. What is at a partner goes on.
    """
    known = await load_blocks(tx.connection, {m.data.participant_id for m in messages})
    new: list[StoredBlock] = []
    traces: dict[str, str | None] = {}
    for message in messages:
        stored = _stored(message)
        of_person = known.setdefault(stored.participant_id, [])
        if stored.block not in of_person:
            of_person.append(stored.block)
            new.append(stored)
            traces.setdefault(stored.participant_id, message.trace)
    if not new:
        return
    await insert_blocks(tx.connection, new)
    blocked = {person for person in traces if blocked_since(known[person]) is not None}
    held = await load_held_of_trainings(tx.connection, traces)
    causes = {d.key: traces[d.participant_id] for d in held}
    freed = await _hold_again(tx, [d for d in held if d.participant_id not in blocked], causes)
    await pay(context, tx, [*(d for d in held if d.participant_id in blocked), *freed], causes)
    await _claim(tx, blocked, traces)
    await _withdraw(tx, known, traces)


async def _hold_again(tx: Transaction, held: Sequence[Disbursement], causes: Traces) -> list[Disbursement]:
    """Hold what a block held for the reason that the rejection of its latest attempt left, and return it."""
    covered = [d for d in held if d.reason is HoldReason.PARTICIPANT_BLOCKED]
    attempts = await load_attempts(tx.connection, [d.reference for d in covered if d.reference is not None])
    now = [hold_again(d, attempts[d.reference].reason if d.reference else None, tx.now) for d in covered]
    changes = [(before, after) for before, after in zip(covered, now, strict=True) if before != after]
    numbers = {after.key: EventNumbers(state=emit_state(tx, after, causes)) for _, after in changes}
    await save_changes(tx, changes, numbers)
    return now


async def _withdraw(tx: Transaction, blocks: Mapping[str, Sequence[Block]], traces: Mapping[str, str | None]) -> None:
    """Withdraw the claims on what was paid during blocks that an unblock has ended."""
    open_claims = await load_open_block_claims(tx.connection, traces)
    claims = [one for one in open_claims if is_block_over(one, blocks[one.disbursement.participant_id])]
    causes = {claim.disbursement.key: traces[claim.disbursement.participant_id] for claim in claims}
    await withdraw_claims(tx, claims, UNBLOCKED, causes)


async def _claim(tx: Transaction, blocked: Collection[str], traces: Mapping[str, str | None]) -> None:
    """Claim the cash that was paid to these participants during their blocks."""
    if not blocked:
        return
    codes = await load_enrollments(tx.connection, blocked)
    payments = [p for p in await load_payments(tx.connection, codes) if p.disbursement.payee is Payee.PARTICIPANT]
    await claim_payments(tx, payments, {p.disbursement.key: traces[p.disbursement.participant_id] for p in payments})


def _stored(message: BlockMessage) -> StoredBlock:
    data, lane, caused_by = message.data, require_lane(message), sequence_in(message.id)
    if isinstance(data, ParticipantBlocked):
        return StoredBlock(data.participant_id, data.blocked_at, True, lane, caused_by)
    return StoredBlock(data.participant_id, data.unblocked_at, False, lane, caused_by)
