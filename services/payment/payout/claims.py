"""Claims: opened on what was paid in vain, withdrawn, repaid, and posted."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from services.payment.domain import ledger
from services.payment.domain.claim import (
    Claim,
    ClaimReason,
    ClaimState,
    Payment,
    claim_on,
    claim_on_double,
    is_block_over,
    is_paid_while_blocked,
    repay,
    replaces,
    withdraw,
)
from services.payment.domain.disbursement import DisbursementKey
from services.payment.domain.entitlement import Payee
from services.payment.domain.funds import amounts_by_allotment
from services.payment.payout.announced_claims import forget_claims, load_announced_claims, remember_claims
from services.payment.payout.events import Traces, emit_claim_opened, emit_claim_repaid, emit_claim_withdrawn
from services.payment.payout.funds import commit_confirmed, decommit_funds
from services.payment.payout.ledger import post
from services.payment.store.blocks import load_blocks
from services.payment.store.claims import close_claims, insert_claims, load_claims, load_double_payments
from services.payment.store.enrollments import load_enrollments
from shared.contracts.payment import ClaimOpened, ClaimRepaid, Disbursement
from shared.messaging.outbox.page import OutboxEvent
from shared.messaging.transaction.transaction import Transaction

UNBLOCKED = "unblocked"
"""The reason for which a claim for a block is withdrawn, unless another claim takes its place."""
RETURNED = "returned"
"""The reason for which a claim on a payment is withdrawn whose money came back to its partner."""


async def claim_settled(tx: Transaction, payments: Sequence[Payment], traces: Traces) -> None:
    """Open claims on those of these payments, just settled, that were made in vain."""
    people = {p.disbursement.participant_id for p in payments if p.disbursement.payee is Payee.PARTICIPANT}
    blocks = await load_blocks(tx.connection, people)
    announced = await load_announced_claims(tx, {p.disbursement.participant_id for p in payments})
    in_vain = [
        payment
        for payment in payments
        if (d := payment.disbursement).annulled is not None
        or d.reference in announced.opened
        or (d.participant_id in blocks and is_paid_while_blocked(payment, blocks[d.participant_id]))
    ]
    await claim_payments(tx, in_vain, traces)


async def claim_payments(tx: Transaction, payments: Sequence[Payment], traces: Traces) -> None:
    """Open a claim on each payment that was made in vain, unless one on its reference is open or repaid.

    A claim for a block makes room for one that an unblock would not withdraw. One that was announced before a restore
    is opened as it was, and then repaid or withdrawn where it would be by now.
    """
    if not payments:
        return
    people = {p.disbursement.participant_id for p in payments}
    enrollments, blocks = await load_enrollments(tx.connection, people), await load_blocks(tx.connection, people)
    announced = await load_announced_claims(tx, people)
    before: defaultdict[str | None, list[Claim]] = defaultdict(list)
    for known in await load_claims(tx.connection, [str(p.disbursement.reference) for p in payments]):
        before[known.disbursement.reference].append(known)
    opened, replaced = [], []
    for payment in payments:
        d, earlier = payment.disbursement, before[payment.disbursement.reference]
        of_person = blocks.get(d.participant_id, ())
        claim = claim_on(payment, enrollments[d.redeem_code], of_person, number=len(earlier) + 1)
        claim = announced.claim_on(payment) or claim
        standing = [known for known in earlier if known.state is not ClaimState.WITHDRAWN]
        if claim is not None and all(replaces(claim, known) for known in standing):
            replaced += [(known, claim) for known in standing]
            opened.append(claim)
    for known, claim in replaced:
        await withdraw_claims(tx, [known], claim.reason, traces)
    await _open(tx, opened, traces)
    for claim in opened:
        if claim.id in announced.documents:
            await repay_claim(tx, claim, announced.documents[claim.id])
        elif is_block_over(claim, blocks.get(claim.disbursement.participant_id, ())):
            await withdraw_claims(tx, [claim], UNBLOCKED, traces)
    await forget_claims(tx, [claim.id for claim in opened if claim.disbursement.reference in announced.opened])


async def claim_double_payments(tx: Transaction, keys: Collection[DisbursementKey], traces: Traces) -> None:
    """Open a claim on what was paid of these disbursements besides, by the reports of their partners.

    The payment is posted with its claim, even if the wave has no money left, which is overdrawn then.
    """
    doubles = await load_double_payments(tx.connection, keys) if keys else []
    if not doubles:
        return
    people = {double.payment.disbursement.participant_id for double in doubles}
    enrollments, announced = await load_enrollments(tx.connection, people), await load_announced_claims(tx, people)
    references = [str(double.payment.disbursement.reference) for double in doubles]
    earlier = Counter(str(c.disbursement.reference) for c in await load_claims(tx.connection, references))
    claims = [
        announced.claim_on(double.payment)
        or claim_on_double(double, enrollments[double.payment.disbursement.redeem_code], number=earlier[reference] + 1)
        for double, reference in zip(doubles, references, strict=True)
    ]
    await _open(tx, claims, traces)
    for claim in claims:
        if claim.id in announced.documents:
            await repay_claim(tx, claim, announced.documents[claim.id])
    await forget_claims(tx, [claim.id for claim in claims if claim.disbursement.reference in announced.opened])


async def _open(tx: Transaction, claims: Sequence[Claim], traces: Traces) -> None:
    if not claims:
        return
    carried_by = [emit_claim_opened(tx, claim, traces) for claim in claims]
    await insert_claims(tx.connection, claims, carried_by)
    for claim in claims:
        if claim.reason is ClaimReason.CONTRADICTED:
            paid = claim.disbursement
            allotted, _ = await commit_confirmed(tx, paid)
            await post(tx, [*allotted, ledger.instruct(paid), ledger.settle(paid)])
    await post(tx, [ledger.claim(claim.disbursement) for claim in claims])


async def repay_claim(tx: Transaction, claim: Claim, document: str) -> None:
    """Close an open claim as repaid; its amount is the treasury's again."""
    repaid = repay(claim, document)
    await close_claims(tx.connection, [repaid], [emit_claim_repaid(tx, repaid)], tx.now)
    await post(tx, [ledger.repay(claim.disbursement)])


async def withdraw_claims(tx: Transaction, claims: Sequence[Claim], reason: str, traces: Traces) -> None:
    """Withdraw open claims; what was paid counts as paid again. A double payment is booked back besides."""
    if not claims:
        return
    carried_by = [emit_claim_withdrawn(tx, claim, reason, traces) for claim in claims]
    await close_claims(tx.connection, [withdraw(claim) for claim in claims], carried_by, tx.now)
    await post(tx, [ledger.withdraw(claim.disbursement) for claim in claims])
    doubles = [claim.disbursement for claim in claims if claim.reason is ClaimReason.CONTRADICTED]
    await post(tx, [posting for double in doubles for posting in ledger.book_back(double)])
    if doubles:
        await decommit_funds(tx, amounts_by_allotment(doubles))


async def adopt_claims(tx: Transaction, lane: int, events: Sequence[tuple[OutboxEvent, Disbursement]]) -> None:
    """Close open claims whose repayment was announced before a restore, and remember claims not known any more."""
    repaid = {data.claim: data for _, data in events if isinstance(data, ClaimRepaid)}
    references = {
        data.reference for _, data in events if isinstance(data, ClaimOpened | ClaimRepaid) and data.reference
    }
    known = {claim.id: claim for claim in await load_claims(tx.connection, references)} if references else {}
    now = [
        repay(claim, repaid[claim.id].document)
        for claim in known.values()
        if claim.id in repaid and claim.state is ClaimState.OPEN
    ]
    await close_claims(tx.connection, now, [None] * len(now), tx.now)
    await post(tx, [ledger.repay(claim.disbursement) for claim in now])
    await remember_claims(tx, lane, events, known)
