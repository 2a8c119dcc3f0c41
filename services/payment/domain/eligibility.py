"""Eligibility: the first reason to hold a disbursement, and the account that it would go to."""

import json
from collections.abc import Collection
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from services.payment.domain.attempt import Attempt
from services.payment.domain.cures import Cure, reasons_cured_by
from services.payment.domain.disbursement import Disbursement, DisbursementKey, HoldReason
from services.payment.domain.entitlement import Payee

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_CLOCK_SKEW = timedelta(minutes=5)
"""Most by which the time of linking may be ahead of our clock."""
CURED_BY_ACCOUNT = reasons_cured_by(Cure.NEWER_ACCOUNT)
APPROVED_WITH_ACCOUNT = CURED_BY_ACCOUNT & reasons_cured_by(Cure.APPROVAL)
"""Reasons of the account that an approval ends as well."""
VERSION_DIGITS = 16
ALL_PARTNERS = "all"
"""The scope of a halt that stops every partner."""
WAVE_SCOPE = "wave:"
"""Beginning of the scope of a halt that stops a wave, which may be called as a partner is, or `all`."""


class PayeeAccount(NamedTuple):
    """Account of a payee at a partner. `sealed` is its number, sealed under payment's own key.

    A higher `version` is newer: the provider's version, or the time in microseconds at which a participant linked it.
    `account_index`: its keyed hash, in hex. `people`: how many participants have linked it.
    """

    partner: str
    sealed: str
    version: int
    verified: bool = True
    same_identity: bool = True
    account_index: str = ""
    people: int = 1


@dataclass(frozen=True, slots=True)
class Approval:
    """Approval of one attempt with exactly this content; any change voids it."""

    attempt: int
    amount: int
    partner: str
    account_version: int
    account_index: str


@dataclass(frozen=True, slots=True)
class PayoutConditions:
    """Conditions that are the same for all disbursements of a batch. `approval_above` in rupiah, None: no limit.

    `halts`: halted partners, waves (`wave:<wave>`), `all`, and components with an adopted instruction whose fund is
    not known yet.
    `catching_up`: lanes in which a block that was read before a restore may still have to be read again.
    `people_per_account`: the most participants who may link one account; None: no limit.
    `without_room`: partners with limits, whose room this batch may not take. `beyond_money`: what waits in the queue of
    a fund behind all that its money suffices for, and keeps its place there.
    """

    now: datetime
    halts: Collection[str]
    approval_above: int | None
    catching_up: Collection[int] = ()
    people_per_account: int | None = None
    without_room: Collection[str] = ()
    beyond_money: Collection[DisbursementKey] = ()


def missing_account_reason(payee: Payee) -> HoldReason:
    """Return the reason to hold a disbursement whose payee has no account."""
    return HoldReason.NO_PROVIDER_ACCOUNT if payee is Payee.PROVIDER else HoldReason.NO_ACCOUNT


def required_approval(disbursement: Disbursement, account: PayeeAccount) -> Approval:
    """Return the approval that the next attempt to this account would need."""
    return Approval(
        disbursement.attempt + 1, disbursement.amount, account.partner, account.version, account.account_index
    )


def version_of(disbursement: Disbursement, account: PayeeAccount | None, contradictions: int) -> str:
    """Return a short digest of all that an approval is given for; any change of it makes another."""
    approval = None if account is None else astuple(required_approval(disbursement, account))
    d = disbursement
    content = [*d.key, d.amount, d.state, d.reason, d.attempt, d.frozen, d.annulled, contradictions, approval]
    return sha256(json.dumps(content, default=str).encode()).hexdigest()[:VERSION_DIGITS]


def needs_approval(disbursement: Disbursement, limit: int | None) -> bool:
    """Return True if the next attempt takes an approval by two persons: above the limit, or frozen."""
    return disbursement.frozen or (limit is not None and disbursement.amount > limit)


def is_shared(account: PayeeAccount, people_per_account: int | None) -> bool:
    """Return True if more participants have linked the account than may."""
    return people_per_account is not None and account.people > people_per_account


def hold_reason(
    disbursement: Disbursement, account: PayeeAccount, conditions: PayoutConditions, *, approved: bool = False
) -> HoldReason | None:
    """Return the first reason to hold the disbursement, funds excluded; None if it can be paid.

    `approved`: exactly this attempt is. Reasons of the account come first, since only the payee can remove them.
    """
    if account_reason := account_hold_reason(disbursement, account, conditions.people_per_account, approved=approved):
        return account_reason
    if needs_approval(disbursement, conditions.approval_above) and not approved:
        return HoldReason.NEEDS_APPROVAL
    return _halt_or_pause_reason(disbursement, account, conditions)


def account_hold_reason(
    disbursement: Disbursement, account: PayeeAccount, people_per_account: int | None = None, *, approved: bool
) -> HoldReason | None:
    """Return the reason why this account cannot be paid into, or not again; None if it can.

    One that too many share is paid into only if that is approved. What was tried there before, and then held since it
    was shared, is not cured by their number alone: why the attempt failed is not known any more.
    """
    if not account.same_identity:
        return HoldReason.ACCOUNT_OTHER_NIK
    if not account.verified:
        return HoldReason.ACCOUNT_UNVERIFIED
    if is_shared(account, people_per_account) and not approved:
        return HoldReason.SHARED_ACCOUNT
    if disbursement.reason in APPROVED_WITH_ACCOUNT and approved:
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


def is_halted(disbursement: Disbursement, partner: str, halts: Collection[str]) -> bool:
    """Return True if this partner may be instructed nothing for the disbursement."""
    return _is_wave_halted(disbursement, halts) or partner in halts or disbursement.component in halts


def _is_wave_halted(disbursement: Disbursement, halts: Collection[str]) -> bool:
    """Return True if a halt of all, or of its wave, stops whatever is paid from the same money."""
    return bool(halts) and (ALL_PARTNERS in halts or f"{WAVE_SCOPE}{disbursement.wave}" in halts)


def _halt_or_pause_reason(
    disbursement: Disbursement, account: PayeeAccount, conditions: PayoutConditions
) -> HoldReason | None:
    if _is_wave_halted(disbursement, conditions.halts):
        return _held_with_its_fund(disbursement)
    if is_halted(disbursement, account.partner, conditions.halts):
        return HoldReason.HALTED
    paused_until = disbursement.next_check_at if disbursement.reason is HoldReason.PARTNER_PAUSED else None
    if paused_until is not None and paused_until > conditions.now:
        return HoldReason.PARTNER_PAUSED
    if disbursement.lane in conditions.catching_up:
        return _held_with_its_fund(disbursement)
    if account.partner in conditions.without_room:
        return HoldReason.NO_FUNDS if disbursement.key in conditions.beyond_money else HoldReason.PARTNER_PAUSED
    return None


def _held_with_its_fund(disbursement: Disbursement) -> HoldReason:
    """Return the reason while nothing of its fund is paid: what waits for money keeps its place in the queue."""
    return HoldReason.NO_FUNDS if disbursement.reason is HoldReason.NO_FUNDS else HoldReason.HALTED
