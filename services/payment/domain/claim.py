"""Claims: money that was paid and is to come back, one open claim at most for each reference."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from services.payment.domain.disbursement import Disbursement
from services.payment.domain.entitlement import Enrollment, Payee, annulment_of
from shared.errors import InvariantBroken

DEFAULT_CLAWBACK_DAYS = 60


class ClaimReason(StrEnum):
    """Reason for which money that was paid is claimed back."""

    VOIDED = "voided"
    REVOKED = "revoked"
    BLOCKED = "blocked"


class ClaimState(StrEnum):
    """State of a claim; only an open one changes."""

    OPEN = "open"
    REPAID = "repaid"
    WITHDRAWN = "withdrawn"


class Payment(NamedTuple):
    """Settled disbursement, and the time at which its partner says that it was paid."""

    disbursement: Disbursement
    settled_at: datetime


class Claim(NamedTuple):
    """Claim on one payment. `number` counts the claims on a reference from 1; `document` shows the repayment."""

    disbursement: Disbursement
    number: int
    reason: ClaimReason
    opened_at: datetime
    due_at: datetime
    state: ClaimState = ClaimState.OPEN
    document: str | None = None

    @property
    def id(self) -> str:
        return f"{self.disbursement.reference}-{self.number}"

    @property
    def debtor(self) -> Payee:
        return self.disbursement.payee


def claim_on(payment: Payment, enrollment: Enrollment, *, number: int) -> Claim | None:
    """Return the claim on a payment; None if it was paid rightly.

    It is opened as of the later of the payment and of what ended its ground, whichever of them was read first.
    """
    annulment = annulment_of(enrollment)
    if annulment is None:
        return None
    reason, since = ClaimReason(annulment[0].value), annulment[1]
    opened_at = max(payment.settled_at, since)
    days = DEFAULT_CLAWBACK_DAYS if enrollment.clawback_days is None else enrollment.clawback_days
    return Claim(payment.disbursement, number, reason, opened_at, opened_at + timedelta(days=days))


def repay(claim: Claim, document: str) -> Claim:
    """Return the claim repaid, as a document shows. Raise InvariantBroken unless it is open."""
    return _close(claim, ClaimState.REPAID)._replace(document=document)


def withdraw(claim: Claim) -> Claim:
    """Return the claim withdrawn. Raise InvariantBroken unless it is open."""
    return _close(claim, ClaimState.WITHDRAWN)


def _close(claim: Claim, state: ClaimState) -> Claim:
    if claim.state is not ClaimState.OPEN:
        raise InvariantBroken(claim.id, f"a claim that is {claim.state} cannot be {state}")
    return claim._replace(state=state)
