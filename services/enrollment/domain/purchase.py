"""Purchase of a training with a participant's balance."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from services.enrollment.domain.block import Block, is_blocked_at
from services.enrollment.domain.calendar import jakarta_day
from services.enrollment.domain.course import Course
from services.enrollment.domain.forfeit import Forfeit
from services.enrollment.domain.scheme import Mode, PurchaseRule, Scheme


class PurchaseRejection(StrEnum):
    NOT_ADMITTED = "not_admitted"
    PARTICIPANT_BLOCKED = "participant_blocked"
    FIRST_PURCHASE_LATE = "first_purchase_late"
    NEXT_PURCHASE_LATE = "next_purchase_late"
    PREVIOUS_NOT_COMPLETED = "previous_not_completed"
    BALANCE_INSUFFICIENT = "balance_insufficient"
    COURSE_NOT_APPROVED = "course_not_approved"
    PRICE_ABOVE_APPROVED = "price_above_approved"
    HOURS_TOO_FEW = "hours_too_few"
    CLASS_TOO_LARGE = "class_too_large"
    MODE_NOT_ALLOWED = "mode_not_allowed"
    REGION_NOT_OPEN = "region_not_open"


class EnrollmentState(StrEnum):
    """State of an enrollment. An undecided one will be rejected, unless an event still to be read prevents it.

    A voided one had been confirmed.
    """

    UNDECIDED = "undecided"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True)
class Purchase:
    """A training bought on a platform. `price` in rupiah; `ends_at`: end of the last session."""

    provider_id: str
    mode: Mode
    price: int
    hours: int
    class_size: int
    purchased_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Participant:
    """An admitted person; `balance` is granted for trainings, in rupiah. `blocks`: all blocks and unblocks known.

    `cut_off_at`: when the balance ends, whatever was bought; None: never. `forfeits`: what is gone of it, or will be.
    """

    regency: str
    admitted_at: datetime
    balance: int
    blocks: Sequence[Block] = ()
    cut_off_at: datetime | None = None
    forfeits: Sequence[Forfeit] = ()

    @property
    def last_day(self) -> date | None:
        """The last day before the cut-off; None: there is none."""
        return None if self.cut_off_at is None else jakarta_day(self.cut_off_at) - timedelta(days=1)

    def is_cut_off_at(self, moment: datetime) -> bool:
        return self.cut_off_at is not None and moment >= self.cut_off_at


@dataclass(frozen=True, slots=True)
class Training:
    """A confirmed purchase, how far the training has come, and when it was revoked or voided.

    `reopened_at`: when two persons let a training be completed after its rejection.
    """

    price: int
    purchased_at: datetime
    ends_at: datetime
    completed_at: datetime | None
    rated_at: datetime | None
    revoked_at: datetime | None = None
    voided_at: datetime | None = None
    reopened_at: datetime | None = None

    @property
    def deadline_start(self) -> datetime | None:
        """The time from which the next purchase is due: of the completion, or of the reopening that allowed it."""
        return max(filter(None, [self.completed_at, self.reopened_at]), default=None)

    def stands_at(self, moment: datetime) -> bool:
        """Return True unless it was voided by then."""
        return self.voided_at is None or moment < self.voided_at

    def completed_by(self, moment: datetime) -> datetime | None:
        """Return when it was completed, if that was by then and is not revoked by then."""
        if self.completed_at is None or self.completed_at > moment:
            return None
        return None if self.revoked_at is not None and self.revoked_at <= moment else self.completed_at

    def done_by(self, moment: datetime) -> bool | None:
        """Return True if completed and rated by then, False if certainly not, None if not known yet."""
        known = [done_at for done_at in (self.completed_at, self.rated_at) if done_at is not None]
        if any(done_at > moment for done_at in known) or self.ends_at > moment:
            return False
        if self.revoked_at is not None and self.revoked_at <= moment:
            return False
        return True if len(known) == 2 else None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The purchase is confirmed, for good."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The purchase is rejected, for good."""

    reason: PurchaseRejection


@dataclass(frozen=True, slots=True)
class Undecided:
    """The purchase is rejected for this reason when it is due, unless an event read until then prevents it."""

    reason: PurchaseRejection


PurchaseOutcome = Confirmed | Rejected | Undecided


@dataclass(frozen=True, slots=True)
class StandingTrainings:
    """Trainings of a participant that stand at a moment, by the time at which they were bought.

    `voids`: the times of voids by then. `left`: rupiah of the balance that the trainings leave, forfeits aside.
    """

    trainings: Sequence[Training]
    voids: Sequence[datetime]
    left: int


@dataclass(frozen=True, slots=True)
class Turn:
    """Place of a purchase among the trainings: the one bought before it, None for the first.

    `buy_by`: the last day for buying, the cut-off aside. None: there is none, or the previous one is not completed.
    """

    previous: Training | None
    buy_by: date | None


def standing_at(moment: datetime, participant: Participant, trainings: Iterable[Training]) -> StandingTrainings:
    """Return the trainings that stand at a moment, given the participant's confirmed ones, voided ones too."""
    known = sorted(trainings, key=lambda training: training.purchased_at)
    standing = [training for training in known if training.stands_at(moment)]
    voids = [at for training in known if (at := training.voided_at) is not None and at <= moment]
    return StandingTrainings(standing, voids, participant.balance - sum(training.price for training in standing))


def turn_at(moment: datetime, participant: Participant, standing: StandingTrainings, rule: PurchaseRule) -> Turn:
    """Return the turn of a purchase at a moment. A void starts its deadline again."""
    earlier = [training for training in standing.trainings if training.purchased_at <= moment]
    previous = earlier[-1] if earlier else None
    days = rule.next_within_days if previous else rule.first_within_days
    start = previous.deadline_start if previous else participant.admitted_at
    if days is None or start is None:
        return Turn(previous, None)
    return Turn(previous, jakarta_day(max([start, *standing.voids])) + timedelta(days=days))


def decide_purchase(
    purchase: Purchase,
    participant: Participant,
    trainings: Iterable[Training],
    course: Course | None,
    scheme: Scheme,
    *,
    queued: bool = False,
) -> PurchaseOutcome:
    """Decide a purchase, given the participant's confirmed trainings and the approval of its course, if there is one.

    Its place among the trainings follows from the times of purchase. `queued`: an earlier purchase is undecided, and
    may come to be the previous training. Blocks, voids, forfeits and other purchases count as far as they are known.
    """
    standing = standing_at(purchase.purchased_at, participant, trainings)
    return (
        _decide_by_person(purchase, participant)
        or _decide_by_scheme(purchase, participant, scheme)
        or _decide_by_balance(purchase, standing)
        or _decide_by_catalogue(purchase, course, scheme)
        or (Undecided(PurchaseRejection.PREVIOUS_NOT_COMPLETED) if queued else None)
        or _decide_by_turn(purchase, participant, standing, scheme)
    )


def _decide_by_person(purchase: Purchase, participant: Participant) -> Rejected | None:
    if jakarta_day(purchase.purchased_at) < jakarta_day(participant.admitted_at):
        return Rejected(PurchaseRejection.NOT_ADMITTED)
    if is_blocked_at(purchase.purchased_at, participant.blocks):
        return Rejected(PurchaseRejection.PARTICIPANT_BLOCKED)
    return None


def _decide_by_scheme(purchase: Purchase, participant: Participant, scheme: Scheme) -> Rejected | None:
    rule = scheme.modes.get(purchase.mode)
    if rule is None:
        return Rejected(PurchaseRejection.MODE_NOT_ALLOWED)
    if purchase.hours < scheme.purchase.minimum_hours:
        return Rejected(PurchaseRejection.HOURS_TOO_FEW)
    if rule.class_at_most is not None and purchase.class_size > rule.class_at_most:
        return Rejected(PurchaseRejection.CLASS_TOO_LARGE)
    open_regions = scheme.purchase.offline_regions
    meets_in_a_room = purchase.mode in ("offline", "hybrid")
    if meets_in_a_room and open_regions is not None and not participant.regency.startswith(open_regions):
        return Rejected(PurchaseRejection.REGION_NOT_OPEN)
    return None


def _decide_by_balance(purchase: Purchase, standing: StandingTrainings) -> Rejected | None:
    return Rejected(PurchaseRejection.BALANCE_INSUFFICIENT) if purchase.price > standing.left else None


def _decide_by_catalogue(purchase: Purchase, course: Course | None, scheme: Scheme) -> Rejected | Undecided | None:
    """Compare with the approval of the course. Without one that is required a purchase waits: it may still come."""
    if course is None:
        required = scheme.purchase.catalogue == "required"
        return Undecided(PurchaseRejection.COURSE_NOT_APPROVED) if required else None
    if purchase.provider_id != course.provider_id or purchase.mode not in course.modes:
        return Rejected(PurchaseRejection.COURSE_NOT_APPROVED)
    return Rejected(PurchaseRejection.PRICE_ABOVE_APPROVED) if purchase.price > course.price_at_most else None


def _decide_by_turn(
    purchase: Purchase, participant: Participant, standing: StandingTrainings, scheme: Scheme
) -> PurchaseOutcome:
    """Decide by the trainings before and after it, by the deadline or the cut-off, and by what was forfeited."""
    at, turn = purchase.purchased_at, turn_at(purchase.purchased_at, participant, standing, scheme.purchase)
    later = [training for training in standing.trainings if training.purchased_at > at]
    if any(purchase.ends_at > training.purchased_at for training in later):
        return Rejected(PurchaseRejection.PREVIOUS_NOT_COMPLETED)
    done = turn.previous is None or turn.previous.done_by(at)
    if not done:
        reason = PurchaseRejection.PREVIOUS_NOT_COMPLETED
        return Undecided(reason) if done is None else Rejected(reason)
    late = PurchaseRejection.NEXT_PURCHASE_LATE if turn.previous else PurchaseRejection.FIRST_PURCHASE_LATE
    if participant.is_cut_off_at(at) or (turn.buy_by is not None and jakarta_day(at) > turn.buy_by):
        return Undecided(late)  # It may follow one that has not arrived.
    return _unless_forfeited(late, purchase, participant.forfeits, standing.left)


def _unless_forfeited(
    late: PurchaseRejection, purchase: Purchase, forfeits: Sequence[Forfeit], left: int
) -> Confirmed | Rejected:
    """Confirm a timely purchase for which enough is left of what was not forfeited.

    What was forfeited after it was bought is gone all the same: it is refused as if it were late.
    """
    then = left - sum(one.amount for one in forfeits if one.falls_at <= purchase.purchased_at)
    if purchase.price > then:
        return Rejected(PurchaseRejection.BALANCE_INSUFFICIENT)
    now = left - sum(one.amount for one in forfeits)
    return Rejected(late) if purchase.price > now else Confirmed()
