"""Rights to money: what an enrollment promises, and when a promise falls due."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Literal, NamedTuple

from shared.errors import InvariantBroken


class Component(StrEnum):
    """The part of a wave's money that a benefit is paid from."""

    TRAINING = "training"
    INCENTIVE = "incentive"
    SURVEY = "survey"


class Payee(StrEnum):
    """Who is paid."""

    PROVIDER = "provider"
    PARTICIPANT = "participant"


class Milestone(StrEnum):
    """What must have been reached before a benefit falls due."""

    COMPLETED = "completed"
    RATED = "rated"


class Entitlement(NamedTuple):
    """One benefit that the scheme promises for an enrollment. `amount` in rupiah.

    `first_training_only`: the participant has it once, with the first training that reaches the milestone.
    """

    benefit: str
    amount: int
    payee: Payee
    milestone: Milestone
    first_training_only: bool


class Enrollment(NamedTuple):
    """One training of one participant, as far as money goes."""

    redeem_code: str
    participant_id: str
    lane: int
    wave: str
    provider_id: str
    entitlements: Sequence[Entitlement]
    completed_at: datetime | None = None
    completion_noted_at: datetime | None = None
    rated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """A disbursement to a participant, as far as others may follow it.

    `stands` is False once it was cancelled before any partner was told to pay it: then the benefit may fall due with
    another training.
    """

    redeem_code: str
    benefit: str
    stands: bool


EarnedEntitlement = tuple[Enrollment, Entitlement]

Kind = Literal["fee", "incentive", "survey"]
KINDS: Mapping[str, Kind] = {"fee": "fee", "incentive": "incentive", "survey": "survey"}


@cache
def kind_of(benefit: str) -> Kind:
    """Return the kind of a benefit: `incentive_1` is an `incentive`. Raise InvariantBroken when it has none."""
    kind = KINDS.get(benefit.partition("_")[0])
    if kind is None:
        raise InvariantBroken(benefit, f"a benefit is one of {', '.join(KINDS)}; schemes with another need a release")
    return kind


@cache
def component_of(benefit: str) -> Component:
    """The part of the wave's money that pays a benefit."""
    kind = kind_of(benefit)
    return Component.TRAINING if kind == "fee" else Component(kind)


def complete(enrollment: Enrollment, at: datetime, *, noted_at: datetime) -> Enrollment:
    """The enrollment with its completion noted; the first confirmation counts."""
    if enrollment.completed_at is not None:
        return enrollment
    return enrollment._replace(completed_at=at, completion_noted_at=noted_at)


def rate(enrollment: Enrollment, at: datetime) -> Enrollment:
    """The enrollment with its rating noted; the first rating counts."""
    return enrollment if enrollment.rated_at is not None else enrollment._replace(rated_at=at)


def newly_earned(before: Enrollment, after: Enrollment) -> list[Entitlement]:
    """Return the benefits whose milestone was reached between two moments of the same enrollment."""
    return [
        entitlement
        for entitlement in after.entitlements
        if reached_at(after, entitlement) is not None and reached_at(before, entitlement) is None
    ]


def due_once(
    trainings: Iterable[Enrollment], grants: Collection[Grant], announced: Mapping[str, str]
) -> list[EarnedEntitlement]:
    """Return what falls due of the benefits that a participant has once, each with the training that earns it.

    `trainings` and `grants` are all of one participant. What was granted stands, whichever training comes to be known
    later. Of several trainings the first to reach the milestone earns it, by the times of the events, then by the
    redeem code. One whose own grant was cancelled earns nothing more. `announced` (benefit, redeem code): before a
    restore it had fallen due with that training, and does so again with no other.
    """
    standing = {grant.benefit for grant in grants if grant.stands}
    granted = {(grant.redeem_code, grant.benefit) for grant in grants}
    earned = [
        (at, training.redeem_code, (training, entitlement))
        for training in trainings
        for entitlement in training.entitlements
        if entitlement.first_training_only and (at := reached_at(training, entitlement)) is not None
    ]
    first: dict[str, EarnedEntitlement] = {}
    for _, redeem_code, earned_entitlement in sorted(earned, key=lambda one: one[:2]):
        benefit = earned_entitlement[1].benefit
        may_earn = benefit not in standing and announced.get(benefit, redeem_code) == redeem_code
        if may_earn and (redeem_code, benefit) not in granted:
            first.setdefault(benefit, earned_entitlement)
    return list(first.values())


def reached_at(enrollment: Enrollment, entitlement: Entitlement) -> datetime | None:
    """Return when the milestone was reached; None before the completion is confirmed, whatever else has come."""
    completed_at, rated_at = enrollment.completed_at, enrollment.rated_at
    if completed_at is None or entitlement.milestone is Milestone.COMPLETED:
        return completed_at
    return None if rated_at is None else max(completed_at, rated_at)
