"""Rights to money: what an enrollment promises, and when a promise falls due."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Literal, NamedTuple

from services.payment.domain.words import Word


class Component(Word):
    """The part of a wave's money that a benefit is paid from."""

    TRAINING = "training"
    INCENTIVE = "incentive"
    SURVEY = "survey"


class Payee(Word):
    """Who is paid."""

    PROVIDER = "provider"
    PARTICIPANT = "participant"


class Milestone(Word):
    """What must have been reached before a benefit falls due."""

    COMPLETED = "completed"
    RATED = "rated"


class Entitlement(NamedTuple):
    """One benefit that the scheme promises for an enrollment. `amount` in rupiah."""

    benefit: str
    amount: int
    payee: Payee
    milestone: Milestone
    first_training_only: bool


class Enrollment(NamedTuple):
    """One training of one participant, as far as money goes.

    `is_first`: this was the participant's first training to be completed; decided once, when its completion is noted.
    """

    redeem_code: str
    participant_id: str
    lane: int
    wave: str
    provider_id: str
    entitlements: Sequence[Entitlement]
    completed_at: datetime | None = None
    completion_noted_at: datetime | None = None
    is_first: bool = False
    rated_at: datetime | None = None


Kind = Literal["fee", "incentive", "survey"]
KINDS: Mapping[str, Kind] = {"fee": "fee", "incentive": "incentive", "survey": "survey"}


@cache
def kind_of(benefit: str) -> Kind:
    """Which kind of benefit it is: `incentive_1` is an `incentive`. KeyError: there is no such benefit."""
    return KINDS[benefit.partition("_")[0]]


@cache
def component_of(benefit: str) -> Component:
    """The part of the wave's money that pays a benefit."""
    kind = kind_of(benefit)
    return Component.TRAINING if kind == "fee" else Component(kind)


def complete(enrollment: Enrollment, at: datetime, *, noted_at: datetime, is_first: bool) -> Enrollment:
    """The enrollment with its completion noted; the first confirmation counts."""
    if enrollment.completed_at is not None:
        return enrollment
    return enrollment._replace(completed_at=at, completion_noted_at=noted_at, is_first=is_first)


def rate(enrollment: Enrollment, at: datetime) -> Enrollment:
    """The enrollment with its rating noted; the first rating counts."""
    return enrollment if enrollment.rated_at is not None else enrollment._replace(rated_at=at)


def rights_due(enrollment: Enrollment) -> list[Entitlement]:
    """What is owed now."""
    return [entitlement for entitlement in enrollment.entitlements if _is_due(entitlement, enrollment)]


def newly_due(before: Enrollment, after: Enrollment) -> list[Entitlement]:
    """What has become owed between two moments of the same enrollment."""
    return [entitlement for entitlement in rights_due(after) if not _is_due(entitlement, before)]


def _is_due(entitlement: Entitlement, enrollment: Enrollment) -> bool:
    """Nothing is owed before the completion is confirmed, whatever else has been reached."""
    if enrollment.completed_at is None:
        return False
    if entitlement.first_training_only and not enrollment.is_first:
        return False
    return entitlement.milestone is Milestone.COMPLETED or enrollment.rated_at is not None
