"""Series: incentives that fall due by the clock, months after the first one of the participant."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from services.payment.domain.calendar import months_later
from services.payment.domain.entitlement import EarnedEntitlement, Enrollment, Grant, reached_at

FIRST_INCENTIVE = "incentive_1"


class MonthlyDue(NamedTuple):
    """Benefit of a training that is to fall due at a time, if its series still stands then."""

    due_at: datetime
    lane: int
    redeem_code: str
    benefit: str


def monthly_dues(earned: EarnedEntitlement) -> list[MonthlyDue]:
    """Return what is to fall due after this entitlement has: of the first incentive its series, of any other nothing.

    The months count from the time at which the training reached the milestone of the first, whenever that became
    known. If the first falls due again with another training, the series begins anew with that one.
    """
    enrollment, first = earned
    if first.benefit != FIRST_INCENTIVE or (at := reached_at(enrollment, first)) is None:
        return []
    return [
        MonthlyDue(months_later(at, one.months_after), enrollment.lane, enrollment.redeem_code, one.benefit)
        for one in enrollment.entitlements
        if one.months_after is not None
    ]


def earned_by_month(
    enrollment: Enrollment, benefit: str, grants: Collection[Grant], announced: Mapping[str, str]
) -> EarnedEntitlement | None:
    """Return the entitlement that falls due by the clock with this training; None if its series does not stand.

    It stands while the first incentive does, with the same training: not if that was cancelled before any partner was
    instructed. `grants` are all of the participant, who has the benefit once. `announced`, by benefit: the training
    that it had fallen due with before a restore.
    """
    redeem_code = enrollment.redeem_code
    stands = Grant(redeem_code, FIRST_INCENTIVE, stands=True) in grants
    is_had = any(grant.benefit == benefit and (grant.stands or grant.redeem_code == redeem_code) for grant in grants)
    if not stands or is_had or announced.get(benefit, redeem_code) != redeem_code:
        return None
    return next((enrollment, one) for one in enrollment.entitlements if one.benefit == benefit)
