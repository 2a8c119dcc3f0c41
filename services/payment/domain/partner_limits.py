"""Limits of partners: how many disbursements, and how much money, one may be instructed with at once, and a day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate
from typing import NamedTuple

from services.payment.domain.calendar import JAKARTA

BURST = timedelta(seconds=10)
"""Longest time for which an unused rate is saved up. Sweeps come every few seconds, and each uses what came since."""
NO_LIMIT = 10**15


@dataclass(frozen=True, slots=True)
class PartnerLimits:
    """Limits of one partner; None: no limit.

    `per_second` on average, `in_flight` instructed and without a final report, `rupiah_per_day` of a day in Jakarta.
    """

    per_second: int | None = None
    in_flight: int | None = None
    rupiah_per_day: int | None = None


class PartnerUse(NamedTuple):
    """Use of the limits so far: the rate up to `rate_used_until`, and so many rupiah of `day`."""

    rate_used_until: datetime
    day: date
    rupiah: int


class Room(NamedTuple):
    """Room for so many more disbursements, and for so many rupiah."""

    disbursements: int
    rupiah: int


def room(limits: PartnerLimits, use: PartnerUse, in_flight: int, now: datetime) -> Room:
    """Return the room that the limits leave."""
    count = NO_LIMIT
    if limits.per_second is not None:
        unused = now - max(use.rate_used_until, now - BURST)
        count = unused * limits.per_second // timedelta(seconds=1)
    if limits.in_flight is not None:
        count = min(count, limits.in_flight - in_flight)
    rupiah = NO_LIMIT if limits.rupiah_per_day is None else limits.rupiah_per_day - _of_today(use, now).rupiah
    return Room(max(0, count), max(0, rupiah))


def count_fitting(amounts: Iterable[int], left: Room) -> int:
    """Return how many of these, the oldest first, have room; none overtakes an older one that has none."""
    sums = accumulate(amounts)
    return sum(1 for number, total in enumerate(sums, 1) if number <= left.disbursements and total <= left.rupiah)


def use_more(limits: PartnerLimits, use: PartnerUse, disbursements: int, rupiah: int, now: datetime) -> PartnerUse:
    """Return the use after so many more were instructed."""
    used_until = use.rate_used_until
    if limits.per_second is not None:
        # Rounded up, so that no fraction of a disbursement is given away.
        taken = -(-timedelta(seconds=disbursements) // limits.per_second)
        used_until = max(used_until, now - BURST) + taken
    today = _of_today(use, now)
    return PartnerUse(used_until, today.day, today.rupiah + rupiah)


def use_before_restore(
    limits: PartnerLimits, use: PartnerUse, adopted: Iterable[tuple[datetime, int]], now: datetime
) -> PartnerUse:
    """Return the use with what was instructed before a restore, given as (instructed_at, amount).

    Each takes of the rate, as it will be repeated; the rupiah are used on the day on which it was instructed.
    """
    instructed = list(adopted)
    day = _of_today(use, now).day
    return use_more(limits, use, len(instructed), sum(rupiah for at, rupiah in instructed if _day(at) == day), now)


def _of_today(use: PartnerUse, now: datetime) -> PartnerUse:
    """Return the use of the day in Jakarta; a clock that is a little behind does not begin the day again."""
    today = _day(now)
    return use if use.day >= today else use._replace(day=today, rupiah=0)


def _day(at: datetime) -> date:
    return at.astimezone(JAKARTA).date()
