"""Claims that debtors have repaid."""

import re

from asyncpg import Connection

from services.payment.domain.claim import Claim, ClaimState
from services.payment.payout.claims import repay_claim
from services.payment.store.claims import load_claims
from shared.errors import Refused
from shared.messaging.engine.operations import in_lane
from shared.messaging.engine.operator import Operator, Outcome
from shared.messaging.transaction.transaction import Transaction, TransactionTerms

DOCUMENT = re.compile(r"[A-Za-z0-9._/-]{1,64}")


async def record_repayment(
    terms: TransactionTerms, claim_id: str, document: str, connection: Connection, operator: Operator
) -> Outcome:
    """Post that a claim was repaid to the treasury, as a document shows.

    Raise Refused for a claim that is unknown, withdrawn, or repaid by another document.
    """
    if not DOCUMENT.fullmatch(document):
        raise Refused(f"{document} is no document: 1 to 64 letters, digits, dots, underscores, slashes or hyphens")
    found = await _load(connection, claim_id)

    async def repay_in_lane(tx: Transaction) -> Outcome:
        return await _repay(tx, operator, await _load(tx.connection, claim_id), document)

    return await in_lane(connection, operator, terms, found.disbursement.lane, repay_in_lane)


async def _repay(tx: Transaction, operator: Operator, claim: Claim, document: str) -> Outcome:
    d = claim.disbursement
    what = f"{claim.id}: {d.amount} rupiah of {' '.join(d.key)}, owed by the {claim.debtor}"
    if claim.state is ClaimState.REPAID and claim.document == document:
        return Outcome(changed=False, sentence=f"{what}: repaid already by {document}")
    if claim.state is not ClaimState.OPEN:
        by = f" by {claim.document}" if claim.document else ""
        raise Refused(f"{claim.id} is not open: it is {claim.state}{by}")
    await repay_claim(tx, claim, document)
    await operator.record(tx.connection, "claims repaid", claim=claim.id, amount=d.amount, document=document)
    return Outcome(changed=True, sentence=f"{what}: repaid by {document}, and returned to the treasury")


async def _load(connection: Connection, claim_id: str) -> Claim:
    reference = claim_id.partition("-")[0]
    known = {claim.id: claim for claim in await load_claims(connection, [reference])}
    if claim_id not in known:
        raise Refused(f"there is no claim {claim_id}")
    return known[claim_id]
