"""Claims: opened on what was paid in vain, and posted."""

from collections import defaultdict
from collections.abc import Sequence

from services.payment.domain import ledger
from services.payment.domain.claim import Claim, ClaimState, Payment, claim_on
from services.payment.payout.events import Traces, emit_claim_opened
from services.payment.payout.ledger import post
from services.payment.store.claims import insert_claims, load_claims
from services.payment.store.enrollments import load_enrollments
from shared.messaging.transaction.transaction import Transaction


async def claim_payments(tx: Transaction, payments: Sequence[Payment], traces: Traces) -> None:
    """Open a claim on each payment that was made in vain, unless one on its reference is open or repaid."""
    if not payments:
        return
    enrollments = await load_enrollments(tx.connection, {p.disbursement.participant_id for p in payments})
    before: defaultdict[str | None, list[Claim]] = defaultdict(list)
    for known in await load_claims(tx.connection, [str(p.disbursement.reference) for p in payments]):
        before[known.disbursement.reference].append(known)
    opened = []
    for payment in payments:
        earlier = before[payment.disbursement.reference]
        claim = claim_on(payment, enrollments[payment.disbursement.redeem_code], number=len(earlier) + 1)
        if claim is not None and all(one.state is ClaimState.WITHDRAWN for one in earlier):
            opened.append(claim)
    if not opened:
        return
    await insert_claims(tx.connection, opened)
    await post(tx, [ledger.claim(claim.disbursement) for claim in opened])
    for claim in opened:
        emit_claim_opened(tx, claim, traces)
