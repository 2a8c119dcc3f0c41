"""Returns: payments whose money came back to the partner, and the claims on them."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from services.payment.domain.claim import Claim, ClaimState
from services.payment.domain.disbursement import Disbursement
from services.payment.domain.entitlement import Annulment, annulment_of
from services.payment.payout.claims import RETURNED, withdraw_claims
from services.payment.payout.events import Traces
from services.payment.store.claims import load_claims, load_open_double_claims
from services.payment.store.enrollments import load_enrollments
from services.payment.store.erasures import load_barred
from shared.messaging.transaction.transaction import Transaction


class ReturnTerms(NamedTuple):
    """Facts that a return depends on besides its attempt.

    `claims`: those that were not withdrawn, by reference. `annulments`: of the trainings with which nothing more is
    earned.
    """

    claims: Mapping[str, Claim]
    annulments: Mapping[str, Annulment]


async def load_return_terms(tx: Transaction, returned: Mapping[str, Disbursement]) -> ReturnTerms:
    """Load the terms of these references whose money was returned. Without any no query is made."""
    if not returned:
        return ReturnTerms({}, {})
    people = {d.participant_id for d in returned.values()}
    claims, enrollments = await load_claims(tx.connection, returned), await load_enrollments(tx.connection, people)
    erased = (await load_barred(tx.connection, people)).erased
    annulments: dict[str, Annulment] = {}
    for code, enrollment in enrollments.items():
        if annulment := annulment_of(enrollment):
            annulments[code] = annulment[0]
        elif enrollment.participant_id in erased:
            annulments[code] = Annulment.ERASED
    standing = [claim for claim in claims if claim.state is not ClaimState.WITHDRAWN]
    return ReturnTerms({str(claim.disbursement.reference): claim for claim in standing}, annulments)


async def withdraw_claims_on_returned(
    tx: Transaction, claims: Collection[Claim], returned: Collection[Disbursement], traces: Traces
) -> None:
    """Withdraw the claims on money that came back, and those on what was paid of `returned` besides.

    Once a disbursement is not paid any more, a payment under another reference is no second one: two persons decide
    about it.
    """
    doubles = await load_open_double_claims(tx.connection, [d.key for d in returned]) if returned else []
    every = {claim.id: claim for claim in (*claims, *doubles)}
    await withdraw_claims(tx, list(every.values()), RETURNED, traces)
