"""Eligibility: the first reason to hold a disbursement, and the account that it would go to."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from services.payment.domain.attempt import Attempt
from services.payment.domain.cures import Cure, reasons_cured_by
from services.payment.domain.disbursement import Disbursement, HoldReason
from services.payment.domain.entitlement import Payee

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_CLOCK_SKEW = timedelta(minutes=5)
"""Most by which the time of linking may be ahead of our clock."""
CURED_BY_ACCOUNT = reasons_cured_by(Cure.NEWER_ACCOUNT)
ALL_PARTNERS = "all"
"""The scope of a halt that stops every partner."""
WAVE_SCOPE = "wave:"
"""Beginning of the scope of a halt that stops a wave, which may be called as a partner is, or `all`."""


class PayeeAccount(NamedTuple):
    """Account of a payee at a partner. `sealed` is its number, sealed under payment's own key.

    A higher `version` is newer: the provider's version, or the time in microseconds at which a participant linked it.
    """

    partner: str
    sealed: str
    version: int
    verified: bool = True
    same_identity: bool = True


@dataclass(frozen=True, slots=True)
class Approval:
    """Approval of one attempt with exactly this content; any change voids it."""

    attempt: int
    amount: int
    partner: str
    account_version: int


@dataclass(frozen=True, slots=True)
class PayoutConditions:
    """Conditions that are the same for all disbursements of a batch. `approval_above` in rupiah, None: no limit.

    `halts`: halted partners, waves (`wave:<wave>`), `all`, and components with an adopted instruction whose fund is
    not known yet.
    `catching_up`: lanes in which a block that was read before a restore may still have to be read again.
    """

    now: datetime
    halts: Collection[str]
    approval_above: int | None
    catching_up: Collection[int] = ()


def missing_account_reason(payee: Payee) -> HoldReason:
    """Return the reason to hold a disbursement whose payee has no account."""
    return HoldReason.NO_PROVIDER_ACCOUNT if payee is Payee.PROVIDER else HoldReason.NO_ACCOUNT


def required_approval(disbursement: Disbursement, account: PayeeAccount) -> Approval:
    """Return the approval that the next attempt to this account would need."""
    return Approval(disbursement.attempt + 1, disbursement.amount, account.partner, account.version)


def needs_approval(disbursement: Disbursement, limit: int | None) -> bool:
    """Return True if the next attempt takes an approval by two persons: above the limit, or frozen."""
    return disbursement.frozen or (limit is not None and disbursement.amount > limit)


def hold_reason(
    disbursement: Disbursement, account: PayeeAccount, conditions: PayoutConditions, *, approved: bool = False
) -> HoldReason | None:
    """Return the first reason to hold the disbursement, funds excluded; None if it can be paid.

    `approved`: exactly this attempt is. Reasons of the account come first, since only the payee can remove them.
    """
    if account_reason := account_hold_reason(disbursement, account, approved=approved):
        return account_reason
    if needs_approval(disbursement, conditions.approval_above) and not approved:
        return HoldReason.NEEDS_APPROVAL
    return _halt_or_pause_reason(disbursement, account, conditions)


def account_hold_reason(disbursement: Disbursement, account: PayeeAccount, *, approved: bool) -> HoldReason | None:
    """Return the reason why this account cannot be paid into, or not again; None if it can."""
    if not account.same_identity:
        return HoldReason.ACCOUNT_OTHER_NIK
    if not account.verified:
        return HoldReason.ACCOUNT_UNVERIFIED
    if disbursement.reason is HoldReason.PARTNER_REJECTED and approved:
        return None
    if disbursement.reason in CURED_BY_ACCOUNT and account.version <= disbursement.tried_version:
        return disbursement.reason
    return None


def tried_account_version(attempt: Attempt, payee: Payee, newest: int) -> int:
    """Return the version of the account that an adopted attempt went to, as its event told it.

    If no event did, the version is chosen high enough that an account that may have been tried never counts as newer:
    a provider's is `newest`, a participant's the time of the instruction plus the largest clock skew.
    """
    if attempt.account_version is not None:
        return attempt.account_version
    if payee is Payee.PROVIDER:
        return newest
    return (attempt.instructed_at + MAX_CLOCK_SKEW - EPOCH) // timedelta(microseconds=1)


def _halt_or_pause_reason(
    disbursement: Disbursement, account: PayeeAccount, conditions: PayoutConditions
) -> HoldReason | None:
    halts = conditions.halts
    if halts and (ALL_PARTNERS in halts or f"{WAVE_SCOPE}{disbursement.wave}" in halts):
        return _held_with_its_fund(disbursement)
    if account.partner in halts or disbursement.component in halts:
        return HoldReason.HALTED
    paused_until = disbursement.next_check_at if disbursement.reason is HoldReason.PARTNER_PAUSED else None
    if paused_until is not None and paused_until > conditions.now:
        return HoldReason.PARTNER_PAUSED
    if disbursement.lane in conditions.catching_up:
        return _held_with_its_fund(disbursement)
    return None


def _held_with_its_fund(disbursement: Disbursement) -> HoldReason:
    """Return the reason while nothing of its fund is paid: what waits for money keeps its place in the queue."""
    return HoldReason.NO_FUNDS if disbursement.reason is HoldReason.NO_FUNDS else HoldReason.HALTED
