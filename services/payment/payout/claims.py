"""Claims: opened on what was paid in vain, withdrawn, and posted."""

from collections import defaultdict
from collections.abc import Sequence

from services.payment.domain import ledger
from services.payment.domain.claim import (
    Claim,
    ClaimState,
    Payment,
    claim_on,
    is_paid_while_blocked,
    replaces,
    withdraw,
)
from services.payment.domain.entitlement import Payee
from services.payment.payout.events import Traces, emit_claim_opened, emit_claim_withdrawn
from services.payment.payout.ledger import post
from services.payment.store.blocks import load_blocks
from services.payment.store.claims import close_claims, insert_claims, load_claims
from services.payment.store.enrollments import load_enrollments
from shared.messaging.transaction.transaction import Transaction


async def claim_settled(tx: Transaction, payments: Sequence[Payment], traces: Traces) -> None:
    """Open claims on those of these payments, just settled, that were made in vain."""
    paid = [(payment, payment.disbursement) for payment in payments]
    blocks = await load_blocks(tx.connection, {d.participant_id for _, d in paid if d.payee is Payee.PARTICIPANT})
    in_vain = [
        payment
        for payment, d in paid
        if d.annulled is not None
        or (d.participant_id in blocks and is_paid_while_blocked(payment, blocks[d.participant_id]))
    ]
    await claim_payments(tx, in_vain, traces)


async def claim_payments(tx: Transaction, payments: Sequence[Payment], traces: Traces) -> None:
    """Open a claim on each payment that was made in vain, unless one on its reference is open or repaid.

    A claim for a block makes room for one that an unblock would not withdraw.
    """
    if not payments:
        return
    people = {p.disbursement.participant_id for p in payments}
    enrollments, blocks = await load_enrollments(tx.connection, people), await load_blocks(tx.connection, people)
    before: defaultdict[str | None, list[Claim]] = defaultdict(list)
    for known in await load_claims(tx.connection, [str(p.disbursement.reference) for p in payments]):
        before[known.disbursement.reference].append(known)
    opened, replaced = [], []
    for payment in payments:
        d = payment.disbursement
        claim = claim_on(
            payment, enrollments[d.redeem_code], blocks.get(d.participant_id), number=len(before[d.reference]) + 1
        )
        standing = [known for known in before[d.reference] if known.state is not ClaimState.WITHDRAWN]
        if claim is not None and all(replaces(claim, known) for known in standing):
            replaced += [(known, claim) for known in standing]
            opened.append(claim)
    for known, claim in replaced:
        await withdraw_claims(tx, [known], claim.reason, traces)
    if opened:
        await insert_claims(tx.connection, opened)
        await post(tx, [ledger.claim(claim.disbursement) for claim in opened])
    for claim in opened:
        emit_claim_opened(tx, claim, traces)


async def withdraw_claims(tx: Transaction, claims: Sequence[Claim], reason: str, traces: Traces) -> None:
    """Withdraw open claims; what was paid counts as paid again."""
    if not claims:
        return
    await close_claims(tx.connection, [withdraw(claim) for claim in claims], tx.now)
    await post(tx, [ledger.withdraw(claim.disbursement) for claim in claims])
    for claim in claims:
        emit_claim_withdrawn(tx, claim, reason, traces)
