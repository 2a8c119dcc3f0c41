"""Cures: the changes that let a held disbursement be paid, and the hold reasons that each of them ends."""

from collections.abc import Mapping
from enum import StrEnum

from services.payment.domain.disbursement import HoldReason


class Cure(StrEnum):
    """Change that ends a hold.

    The sweep finds it by the query that `store/cures.py` names; `money` has a queue, `time` the timer `retry`, and
    `room` the timer of its partner. When a participant links an account, or is unblocked, the handler tries what that
    cures at once: a first attempt is made, another one is queued for `retry`.
    """

    NEWER_ACCOUNT = "newer_account"
    PARTNER_CHANGE = "partner_change"
    RESUME = "resume"
    APPROVAL = "approval"
    MONEY = "money"
    KEPT_MONEY = "kept_money"
    TIME = "time"
    ROOM = "room"
    UNBLOCK = "unblock"
    FEWER_PEOPLE = "fewer_people"


CURES: Mapping[HoldReason, frozenset[Cure]] = {
    HoldReason.NO_ACCOUNT: frozenset({Cure.NEWER_ACCOUNT}),
    HoldReason.ACCOUNT_OTHER_NIK: frozenset({Cure.NEWER_ACCOUNT}),
    HoldReason.ACCOUNT_UNVERIFIED: frozenset({Cure.NEWER_ACCOUNT}),
    HoldReason.ACCOUNT_FULL: frozenset({Cure.NEWER_ACCOUNT}),
    HoldReason.ACCOUNT_CLOSED: frozenset({Cure.NEWER_ACCOUNT}),
    HoldReason.ACCOUNT_INVALID: frozenset({Cure.NEWER_ACCOUNT}),
    HoldReason.SHARED_ACCOUNT: frozenset({Cure.NEWER_ACCOUNT, Cure.FEWER_PEOPLE, Cure.APPROVAL}),
    HoldReason.NO_PROVIDER_ACCOUNT: frozenset({Cure.NEWER_ACCOUNT}),
    HoldReason.NO_FUNDS: frozenset({Cure.MONEY, Cure.KEPT_MONEY}),
    HoldReason.NEEDS_APPROVAL: frozenset({Cure.APPROVAL}),
    HoldReason.PARTNER_PAUSED: frozenset({Cure.TIME, Cure.ROOM}),
    HoldReason.HALTED: frozenset({Cure.RESUME, Cure.PARTNER_CHANGE}),
    HoldReason.PARTICIPANT_BLOCKED: frozenset({Cure.UNBLOCK}),
    HoldReason.PARTNER_REJECTED: frozenset({Cure.NEWER_ACCOUNT, Cure.APPROVAL}),
}
"""Every hold reason with its cures, any one of which suffices."""


def reasons_cured_by(cure: Cure) -> frozenset[HoldReason]:
    """Return the hold reasons that a cure ends."""
    return frozenset(reason for reason, cures in CURES.items() if cure in cures)
