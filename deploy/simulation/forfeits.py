"""Expected forfeits: what is left of a balance when a time to buy is over, or at the cut-off of the wave."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from deploy.simulation.calendar import end_of_day, jakarta_day
from deploy.simulation.people import TIMELINE_ENDS_AT
from deploy.simulation.scheme import cut_off_at, days_to_buy, training_balance

WAIT = timedelta(days=1)
"""For so long after all was sent, purchases may be heard of that were in time, and nothing is forfeited."""


class ExpectedForfeit(NamedTuple):
    """Forfeit of a balance: rupiah, and the reason."""

    amount: int
    reason: str


class Purchase(NamedTuple):
    """A confirmed purchase, and what became of the training."""

    price: int
    bought_at: datetime
    completed_at: datetime | None
    voided_at: datetime | None


class _Change(NamedTuple):
    """Something that changes a balance by so many rupiah, or starts the time to buy, or ends it (None)."""

    at: datetime
    rupiah: int
    buy_by: datetime | None
    late: str = ""


def expected_forfeits(
    wave: str, admitted_at: datetime, purchases: Sequence[Purchase], at: datetime
) -> Mapping[datetime, ExpectedForfeit]:
    """Return what has been forfeited by a time on the programme's clock, by the moment from which it is gone."""
    if at < TIMELINE_ENDS_AT + WAIT:
        return {}
    cut_off = cut_off_at(wave)
    changes = sorted(_changes(wave, admitted_at, purchases), key=lambda change: change.at)
    end = _Change(cut_off or datetime.max.replace(tzinfo=at.tzinfo), 0, None)
    forfeits: dict[datetime, ExpectedForfeit] = {}
    left = 0
    for change, following in pairwise([*changes, end]):
        left += change.rupiah
        by = change.buy_by
        if by is not None and by <= min(at, following.at) and left > 0:
            forfeits[by] = ExpectedForfeit(left, change.late)
            left = 0
    if cut_off is not None and cut_off <= at and left > 0:
        forfeits[cut_off] = ExpectedForfeit(left, "cut_off")
    return forfeits


def _changes(wave: str, admitted_at: datetime, purchases: Sequence[Purchase]) -> list[_Change]:
    first_days, next_days = days_to_buy(wave)

    def first(start: datetime, rupiah: int) -> _Change:
        return _Change(start, rupiah, end_of_day(jakarta_day(start), first_days), "first_purchase_late")

    changes = [first(admitted_at, training_balance(wave))]
    for one in purchases:
        changes.append(_Change(one.bought_at, -one.price, None))
        if one.completed_at is not None and next_days is not None:
            buy_by = end_of_day(jakarta_day(one.completed_at), next_days)
            changes.append(_Change(one.completed_at, 0, buy_by, "next_purchase_late"))
        if one.voided_at is not None:
            changes.append(first(one.voided_at, one.price))
    return changes
