"""Claims: money that was paid and is to come back, one open claim at most for each reference."""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from services.payment.domain.block import Block, blocked_since
from services.payment.domain.disbursement import Disbursement
from services.payment.domain.entitlement import Enrollment, Payee, annulment_of
from shared.errors import InvariantBroken

DEFAULT_CLAWBACK_DAYS = 60


class ClaimReason(StrEnum):
    """Reason for which money that was paid is claimed back."""

    VOIDED = "voided"
    REVOKED = "revoked"
    BLOCKED = "blocked"
    CONTRADICTED = "contradicted"


class ClaimState(StrEnum):
    """State of a claim; only an open one changes."""

    OPEN = "open"
    REPAID = "repaid"
    WITHDRAWN = "withdrawn"


class Payment(NamedTuple):
    """Disbursement paid under its reference, and the time at which its partner says so."""

    disbursement: Disbursement
    settled_at: datetime


class DoublePayment(NamedTuple):
    """Payment besides the one that settled its disbursement, and the time of that one."""

    payment: Payment
    also_paid_at: datetime


def is_paid_while_blocked(payment: Payment, blocks: Collection[Block]) -> bool:
    """Return True if cash was paid to a participant who was blocked then, and has not been unblocked since."""
    since = blocked_since(blocks)
    return payment.disbursement.payee is Payee.PARTICIPANT and since is not None and payment.settled_at >= since


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


def claim_on(payment: Payment, enrollment: Enrollment, blocks: Collection[Block], *, number: int) -> Claim | None:
    """Return the claim on a payment; None if it was paid rightly.

    Cash is claimed that was paid during a block that lasts. The claim is opened as of the later of the payment and of
    what ended the right to it, whichever was read first.
    """
    ground = _ground(payment, enrollment, blocks)
    return None if ground is None else _open(payment, enrollment, *ground, number=number)


def claim_on_double(double: DoublePayment, enrollment: Enrollment, *, number: int) -> Claim:
    """Return the claim on a double payment, opened as of the later of the two."""
    return _open(double.payment, enrollment, ClaimReason.CONTRADICTED, double.also_paid_at, number=number)


def replaces(claim: Claim, known: Claim) -> bool:
    """Return True if a claim takes the place of a known one: an unblock would withdraw that, and this one stays."""
    return (
        known.state is ClaimState.OPEN
        and known.reason is ClaimReason.BLOCKED
        and claim.reason is not ClaimReason.BLOCKED
    )


def is_block_over(claim: Claim, blocks: Collection[Block]) -> bool:
    """Return True if a claim is for a block that an unblock has ended."""
    since = blocked_since(blocks)
    return claim.reason is ClaimReason.BLOCKED and (since is None or claim.opened_at < since)


def repay(claim: Claim, document: str) -> Claim:
    """Return the claim repaid, as a document shows. Raise InvariantBroken unless it is open."""
    return _close(claim, ClaimState.REPAID)._replace(document=document)


def withdraw(claim: Claim) -> Claim:
    """Return the claim withdrawn. Raise InvariantBroken unless it is open."""
    return _close(claim, ClaimState.WITHDRAWN)


def _open(payment: Payment, enrollment: Enrollment, reason: ClaimReason, since: datetime, *, number: int) -> Claim:
    opened_at = max(payment.settled_at, since)
    days = DEFAULT_CLAWBACK_DAYS if enrollment.clawback_days is None else enrollment.clawback_days
    return Claim(payment.disbursement, number, reason, opened_at, opened_at + timedelta(days=days))


def _ground(payment: Payment, enrollment: Enrollment, blocks: Collection[Block]) -> tuple[ClaimReason, datetime] | None:
    if annulment := annulment_of(enrollment):
        return ClaimReason(annulment[0].value), annulment[1]
    return (ClaimReason.BLOCKED, payment.settled_at) if is_paid_while_blocked(payment, blocks) else None


def _close(claim: Claim, state: ClaimState) -> Claim:
    if claim.state is not ClaimState.OPEN:
        raise InvariantBroken(claim.id, f"a claim that is {claim.state} cannot be {state}")
    return claim._replace(state=state)
