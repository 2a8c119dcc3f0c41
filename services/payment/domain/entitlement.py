"""Entitlements: the benefits that an enrollment promises, and when each falls due."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Literal, NamedTuple

from shared.errors import InvariantBroken


class Component(StrEnum):
    """Part of a wave's money from which a benefit is paid."""

    TRAINING = "training"
    INCENTIVE = "incentive"
    SURVEY = "survey"


class Payee(StrEnum):
    """Kind of payee."""

    PROVIDER = "provider"
    PARTICIPANT = "participant"


COMPLETED = "completed"
"""The milestone that a training reaches by its completion. No benefit falls due before it."""
RATED = "rated"
"""The milestone that it reaches by its rating. Any other is a survey of it that is answered: `survey_1`."""
NO_ANSWERS: Mapping[str, datetime] = MappingProxyType({})


class Annulment(StrEnum):
    """Change of mind after which a training earns nothing.

    It was voided, its completion was revoked, or its participant was erased. What was paid before an erasure is not
    claimed back.
    """

    VOIDED = "voided"
    REVOKED = "revoked"
    ERASED = "erased"


class Entitlement(NamedTuple):
    """One benefit that the scheme promises for an enrollment. `amount` in rupiah.

    `milestone`: `completed`, `rated`, or a survey. `first_training_only`: the participant has it once, with the first
    training that reaches the milestone. `months_after`: it falls due by the clock, so many months after the
    participant's first incentive and with the same training (`domain/series.py`); None: at the milestone.
    """

    benefit: str
    amount: int
    payee: Payee
    milestone: str
    first_training_only: bool
    months_after: int | None = None


class Enrollment(NamedTuple):
    """One training of one participant, with its benefits and milestones.

    `survey_answers`, by survey: the time at which the participant answered it.
    `clawback_days`: days after which a claim on what was paid for it is due; None in enrollments of before claims.
    """

    redeem_code: str
    participant_id: str
    lane: int
    wave: str
    provider_id: str
    entitlements: Sequence[Entitlement]
    completed_at: datetime | None = None
    completion_noted_at: datetime | None = None
    rated_at: datetime | None = None
    survey_answers: Mapping[str, datetime] = NO_ANSWERS
    voided_at: datetime | None = None
    revoked_at: datetime | None = None
    clawback_days: int | None = None

    @property
    def promises_surveys(self) -> bool:
        return any(entitlement.milestone not in (COMPLETED, RATED) for entitlement in self.entitlements)

    @property
    def is_annulled(self) -> bool:
        return self.voided_at is not None or self.revoked_at is not None


@dataclass(frozen=True, slots=True)
class Grant:
    """Disbursement to a participant, as it counts for benefits that are paid once per participant.

    `stands` is False once it was cancelled before any partner was instructed: then the benefit may fall due with
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
    """Return the part of a wave's money that pays a benefit."""
    kind = kind_of(benefit)
    return Component.TRAINING if kind == "fee" else Component(kind)


def complete(enrollment: Enrollment, at: datetime, *, noted_at: datetime) -> Enrollment:
    """Return the enrollment with its completion noted; the first confirmation counts."""
    if enrollment.completed_at is not None:
        return enrollment
    return enrollment._replace(completed_at=at, completion_noted_at=noted_at)


def rate(enrollment: Enrollment, at: datetime) -> Enrollment:
    """Return the enrollment with its rating noted; the first rating counts."""
    return enrollment if enrollment.rated_at is not None else enrollment._replace(rated_at=at)


def answer_survey(enrollment: Enrollment, survey: str, at: datetime) -> Enrollment:
    """Return the enrollment with the answer to a survey noted; the first answer counts."""
    answers = enrollment.survey_answers
    return enrollment if survey in answers else enrollment._replace(survey_answers={**answers, survey: at})


def void(enrollment: Enrollment, at: datetime) -> Enrollment:
    """Return the enrollment voided; the first void counts."""
    return enrollment if enrollment.voided_at is not None else enrollment._replace(voided_at=at)


def revoke(enrollment: Enrollment, at: datetime) -> Enrollment:
    """Return the enrollment with its completion revoked; the first revocation counts."""
    return enrollment if enrollment.revoked_at is not None else enrollment._replace(revoked_at=at)


def annulment_of(enrollment: Enrollment) -> tuple[Annulment, datetime] | None:
    """Return what annulled the enrollment first, and when, by the times of the events; None while it stands.

    An erasure is the participant's: no enrollment knows of it.
    """
    known = [(enrollment.voided_at, Annulment.VOIDED), (enrollment.revoked_at, Annulment.REVOKED)]
    first = min([(at, annulment) for at, annulment in known if at is not None], default=None, key=lambda one: one[0])
    return None if first is None else (first[1], first[0])


def newly_earned(before: Enrollment, after: Enrollment) -> list[Entitlement]:
    """Return the benefits whose milestone is reached after a change and was not before."""
    return [
        entitlement
        for entitlement in after.entitlements
        if reached_at(after, entitlement) is not None and reached_at(before, entitlement) is None
    ]


def earned_once_per_participant(
    trainings: Iterable[Enrollment], grants: Collection[Grant], announced: Mapping[str, str]
) -> list[EarnedEntitlement]:
    """Return the benefits paid once per participant that fall due, each with the training that earns it.

    `trainings` and `grants` are all of one participant. A grant stays with its training, even if an earlier training
    becomes known later. Of several trainings the first to reach the milestone earns it, by the times of the events,
    then by redeem code. An annulled training earns nothing, and one whose disbursement was cancelled not again.
    `announced`, by benefit: the training that it had fallen due with before a restore, which no other can replace.
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
        if may_earn and (redeem_code, benefit) not in granted and not earned_entitlement[0].is_annulled:
            first.setdefault(benefit, earned_entitlement)
    return list(first.values())


def reached_at(enrollment: Enrollment, entitlement: Entitlement) -> datetime | None:
    """Return the time at which a benefit fell due by its milestone.

    None before the completion is confirmed, and for a benefit that falls due by the clock.
    """
    completed_at, milestone = enrollment.completed_at, entitlement.milestone
    if entitlement.months_after is not None:
        return None
    if completed_at is None or milestone == COMPLETED:
        return completed_at
    at = enrollment.rated_at if milestone == RATED else enrollment.survey_answers.get(milestone)
    return None if at is None else max(completed_at, at)
