"""Deadlines for buying, and the forfeits when they pass. They follow from what happened when, not from the clock."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache

from services.enrollment.domain.calendar import end_of_day, jakarta_day
from services.enrollment.domain.forfeit import Forfeit, ForfeitReason
from services.enrollment.domain.purchase import Participant, Training
from services.enrollment.domain.scheme import PurchaseRule, SchemeVersions


def first_deadline(start: datetime, versions: SchemeVersions) -> datetime | None:
    """Return the midnight in Jakarta from which the first purchase is late, after an admission or a void."""
    return _deadline(jakarta_day(start), ForfeitReason.FIRST_PURCHASE_LATE, versions)


def next_deadline(start: datetime, versions: SchemeVersions) -> datetime | None:
    """Return the midnight from which the next purchase is late, after a completion, its reopening or a void.

    None: there is none.
    """
    return _deadline(jakarta_day(start), ForfeitReason.NEXT_PURCHASE_LATE, versions)


def moments_after(start: datetime, cut_off_at: datetime | None, versions: SchemeVersions) -> list[datetime]:
    """Return the moments at which a balance may be forfeited for an admission, a completion or a void at this time.

    What a void gives back after the cut-off is gone at once.
    """
    cut_off = None if cut_off_at is None else max(cut_off_at, start)
    moments = first_deadline(start, versions), next_deadline(start, versions), cut_off
    return [moment for moment in moments if moment is not None]


def forfeits_due(
    participant: Participant, trainings: Sequence[Training], until: datetime, versions: SchemeVersions
) -> list[Forfeit]:
    """Return what deadlines that passed until then take of the balance, besides what was forfeited before."""
    forfeits = list(participant.forfeits)
    known = {forfeit.falls_at for forfeit in forfeits}
    passed = {moment for moment in _moments(participant, trainings, versions) if moment <= until}
    for moment in sorted(passed - known):
        reason = _reason_at(participant, trainings, moment, versions)
        # What was bought from then on, before the forfeit was computed, is paid for.
        left = min(_left_at(moment, participant, trainings, forfeits), _left(participant, trainings, forfeits))
        if reason is not None and left > 0:
            forfeits.append(Forfeit(moment, left, reason))
    return forfeits[len(participant.forfeits) :]


def next_moment(
    participant: Participant, trainings: Sequence[Training], after: datetime, versions: SchemeVersions
) -> datetime | None:
    """Return the first moment from then on at which a rest of the balance may be forfeited; None if nothing can be."""
    if _left(participant, trainings, participant.forfeits) <= 0:
        return None
    return min((moment for moment in _moments(participant, trainings, versions) if moment > after), default=None)


@lru_cache(maxsize=10_000)
def _deadline(started_on: date, reason: ForfeitReason, versions: SchemeVersions) -> datetime | None:
    """Return the midnight from which a purchase is late under the version that is in force then, as for a purchase."""
    for version in reversed(versions.versions):
        days = _days(version.purchase, reason)
        if days is None:
            continue
        midnight = end_of_day(started_on + timedelta(days=days))
        if version is not versions.first:
            midnight = max(midnight, end_of_day(version.in_force_from - timedelta(days=1)))
        if versions.at(midnight) is version:
            return midnight
    return None


def _days(rule: PurchaseRule, reason: ForfeitReason) -> int | None:
    return rule.first_within_days if reason is ForfeitReason.FIRST_PURCHASE_LATE else rule.next_within_days


def _moments(participant: Participant, trainings: Iterable[Training], versions: SchemeVersions) -> set[datetime]:
    """Return all moments at which anything may be forfeited; most of them pass without it."""
    changes = [at for training in trainings for at in (training.deadline_start, training.voided_at) if at is not None]
    starts = {participant.admitted_at, *changes}
    return {moment for start in starts for moment in moments_after(start, participant.cut_off_at, versions)}


def _reason_at(
    participant: Participant, trainings: Sequence[Training], moment: datetime, versions: SchemeVersions
) -> ForfeitReason | None:
    """Return the reason for which the balance is forfeited at a moment; None: no deadline passes then."""
    if participant.is_cut_off_at(moment):
        return ForfeitReason.CUT_OFF
    voids = [at for training in trainings if (at := training.voided_at) is not None and at <= moment]
    standing = _standing(trainings, moment)
    if not standing:
        passes = first_deadline(max([participant.admitted_at, *voids]), versions) == moment
        return ForfeitReason.FIRST_PURCHASE_LATE if passes else None
    last = max(standing, key=lambda training: training.purchased_at)
    start = last.deadline_start if last.completed_by(moment) else None
    passes = start is not None and next_deadline(max([start, *voids]), versions) == moment
    return ForfeitReason.NEXT_PURCHASE_LATE if passes else None


def _standing(trainings: Iterable[Training], moment: datetime) -> list[Training]:
    """Return the trainings bought before a moment that stand then."""
    return [training for training in trainings if training.purchased_at < moment and training.stands_at(moment)]


def _left_at(
    moment: datetime, participant: Participant, trainings: Iterable[Training], forfeits: Iterable[Forfeit]
) -> int:
    spent = sum(training.price for training in _standing(trainings, moment))
    return participant.balance - spent - sum(forfeit.amount for forfeit in forfeits if forfeit.falls_at <= moment)


def _left(participant: Participant, trainings: Iterable[Training], forfeits: Iterable[Forfeit]) -> int:
    spent = sum(training.price for training in trainings if training.voided_at is None)
    return participant.balance - spent - sum(forfeit.amount for forfeit in forfeits)
