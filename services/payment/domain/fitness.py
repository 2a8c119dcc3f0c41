"""Whether a disbursement can go now, and to which account."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from services.payment.domain.disbursement import CURED_BY_ACCOUNT, Disbursement, HoldReason
from services.payment.domain.right import Payee

ALL_PARTNERS = "all"
"""The scope of a halt that stops every partner."""


class Account(NamedTuple):
    """Where a payee wants to be paid. `sealed` is the account as it came in.

    A higher `version` is newer: the provider's version, or the time a participant linked it in microseconds.
    """

    partner: str
    sealed: str
    version: int
    verified: bool = True
    same_identity: bool = True


class Terms(NamedTuple):
    """What holds for all disbursements at one moment. `halts`: partners, or `all`; the limit in rupiah."""

    now: datetime
    halts: Collection[str]
    approval_above: int | None


def missing(payee: Payee) -> HoldReason:
    """The reason when nobody has said where to pay."""
    return HoldReason.NO_PROVIDER_ACCOUNT if payee is Payee.PROVIDER else HoldReason.NO_ACCOUNT


def obstacle(disbursement: Disbursement, account: Account, terms: Terms) -> HoldReason | None:
    """The first thing that stands in the way, money apart. None: it may go.

    The account comes first, since only the payee can put it right; money is taken for nothing that could not go.
    """
    return _of_the_account(disbursement, account) or _of_the_moment(disbursement, account, terms)


def _of_the_account(disbursement: Disbursement, account: Account) -> HoldReason | None:
    if not account.same_identity:
        return HoldReason.ACCOUNT_OTHER_NIK
    if not account.verified:
        return HoldReason.ACCOUNT_UNVERIFIED
    if disbursement.reason is HoldReason.PARTNER_REJECTED and disbursement.approved:
        return None
    if disbursement.reason in CURED_BY_ACCOUNT and account.version <= disbursement.tried_version:
        return disbursement.reason
    return None


def _of_the_moment(disbursement: Disbursement, account: Account, terms: Terms) -> HoldReason | None:
    if _is_for_an_operator(disbursement, terms) and not disbursement.approved:
        return HoldReason.NEEDS_APPROVAL
    if ALL_PARTNERS in terms.halts or account.partner in terms.halts:
        return HoldReason.HALTED
    paused_until = disbursement.look_again_at if disbursement.reason is HoldReason.PARTNER_PAUSED else None
    if paused_until is not None and paused_until > terms.now:
        return HoldReason.PARTNER_PAUSED
    return None


def _is_for_an_operator(disbursement: Disbursement, terms: Terms) -> bool:
    """Above the limit, or sent back by the partner for a person to look at."""
    sent_back = disbursement.reason is HoldReason.NEEDS_APPROVAL and disbursement.attempt > 0
    limit = terms.approval_above
    return sent_back or (limit is not None and disbursement.amount > limit)
