"""Blocks: participants who are paid nothing from now on, and those who are paid again."""

from collections.abc import Collection, Mapping, Sequence

from services.payment.context import Context
from services.payment.domain.block import Block, block, unblock
from services.payment.domain.disbursement import Disbursement, HoldReason
from services.payment.domain.entitlement import Payee
from services.payment.domain.reason_codes import hold_again
from services.payment.payout.claims import UNBLOCKED, claim_payments, withdraw_claims
from services.payment.payout.disbursements import save_changes
from services.payment.payout.events import Traces, emit_state
from services.payment.payout.pay import pay
from services.payment.store.attempts import load_attempts
from services.payment.store.blocks import BlockCauses, load_blocks, load_held_of_trainings, save_blocks
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

    Cash that was paid at or after a block is claimed back; an unblock withdraws these claims. What is at a partner goes
    on.
    """
    before = await load_blocks(tx.connection, {m.data.participant_id for m in messages})
    after = dict(before)
    traces: dict[str, str | None] = {}
    caused_by: dict[str, BlockCauses] = {}
    for message in messages:
        person = message.data.participant_id
        known = after.get(person) or Block(person, require_lane(message))
        after[person] = _changed(known, message.data)
        if after[person] != known:
            caused_by[person] = _caused(caused_by.get(person, BlockCauses()), message)
        traces.setdefault(person, message.trace)
    changed = {person: known for person, known in after.items() if known != before.get(person)}
    if not changed:
        return
    await save_blocks(tx.connection, list(changed.values()), caused_by)
    held = await load_held_of_trainings(tx.connection, changed)
    causes = {d.key: traces[d.participant_id] for d in held}
    freed = await _hold_again(tx, [d for d in held if not changed[d.participant_id].is_blocked], causes)
    blocked = [d for d in held if changed[d.participant_id].is_blocked]
    await pay(context, tx, [*blocked, *freed], causes)
    await _claim(tx, {person for person, known in changed.items() if known.is_blocked}, traces)
    await _withdraw(tx, {person for person, known in changed.items() if not known.is_blocked}, traces)


async def _hold_again(tx: Transaction, held: Sequence[Disbursement], causes: Traces) -> list[Disbursement]:
    """Hold what a block held for the reason that the rejection of its latest attempt left, and return it."""
    covered = [d for d in held if d.reason is HoldReason.PARTICIPANT_BLOCKED]
    attempts = await load_attempts(tx.connection, [d.reference for d in covered if d.reference is not None])
    now = [hold_again(d, attempts[d.reference].reason if d.reference else None, tx.now) for d in covered]
    changes = [(before, after) for before, after in zip(covered, now, strict=True) if before != after]
    numbers = {after.key: EventNumbers(state=emit_state(tx, after, causes)) for _, after in changes}
    await save_changes(tx, changes, numbers)
    return now


async def _withdraw(tx: Transaction, unblocked: Collection[str], traces: Mapping[str, str | None]) -> None:
    """Withdraw the claims that the blocks of these participants opened."""
    claims = await load_open_block_claims(tx.connection, unblocked) if unblocked else []
    causes = {claim.disbursement.key: traces[claim.disbursement.participant_id] for claim in claims}
    await withdraw_claims(tx, claims, UNBLOCKED, causes)


async def _claim(tx: Transaction, blocked: Collection[str], traces: Mapping[str, str | None]) -> None:
    """Claim the cash that was paid to these participants at or after their blocks."""
    if not blocked:
        return
    codes = await load_enrollments(tx.connection, blocked)
    payments = [p for p in await load_payments(tx.connection, codes) if p.disbursement.payee is Payee.PARTICIPANT]
    await claim_payments(tx, payments, {p.disbursement.key: traces[p.disbursement.participant_id] for p in payments})


def _changed(known: Block, data: ParticipantBlocked | ParticipantUnblocked) -> Block:
    if isinstance(data, ParticipantBlocked):
        return block(known, data.blocked_at)
    return unblock(known, data.unblocked_at)


def _caused(known: BlockCauses, message: BlockMessage) -> BlockCauses:
    number = sequence_in(message.id)
    if isinstance(message.data, ParticipantBlocked):
        return known._replace(block=number)
    return known._replace(unblock=number)
