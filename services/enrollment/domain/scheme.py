"""A scheme: a dated set of rules and amounts. Amounts are whole rupiah."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Mode = Literal["online", "self_paced", "offline", "hybrid"]
Proof = Literal["face", "venue_qr"]


@dataclass(frozen=True, slots=True)
class AdmissionRule:
    """`days`: how long after a wave has closed its participants may still be admitted."""

    age_at_least: int
    age_at_most: int
    days: int


@dataclass(frozen=True, slots=True)
class PurchaseRule:
    """Days are calendar days in Jakarta; `next_within_days` None: no deadline.

    `offline_regions`: the first digits of the regencies whose people may buy trainings that meet in a room; None: all.
    """

    first_within_days: int
    minimum_hours: int
    next_within_days: int | None = None
    offline_regions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class CashBenefit:
    """A sum of money for the participant, paid so many times."""

    amount: int
    times: int

    @property
    def total(self) -> int:
        return self.amount * self.times


@dataclass(frozen=True, slots=True)
class CompletionPeriods:
    """Days after the end of the last session: for evidence to come from, and to be complete."""

    evidence_days: int
    complete_within_days: int


@dataclass(frozen=True, slots=True)
class ModeRule:
    """What a training of one mode must be, and what evidence completes it. `class_at_most` None: any size."""

    session_proof: Literal["face", "venue_qr", "by_session"]
    post_test: Literal["passed", "taken"] | None
    graded: bool
    certificate: bool
    class_at_most: int | None = None

    def proof_of(self, session_mode: str) -> Proof:
        """How attendance of a session is proved; a hybrid training's sessions each have a mode of their own."""
        if self.session_proof == "by_session":
            return "venue_qr" if session_mode == "offline" else "face"
        return self.session_proof


@dataclass(frozen=True, slots=True)
class Scheme:
    """All rules of one scheme. Raises ValueError when they contradict the scheme's own promise."""

    scheme: str
    version: int
    kind: Literal["normal", "semi-bansos"]
    training_balance: int
    incentive: CashBenefit
    survey: CashBenefit
    admission: AdmissionRule
    purchase: PurchaseRule
    completion: CompletionPeriods
    modes: Mapping[Mode, ModeRule]

    def __post_init__(self) -> None:
        cash = self.incentive.total + self.survey.total
        if min(self.training_balance, self.incentive.total, self.survey.total) <= 0:
            raise ValueError("every amount of a scheme is positive")
        if self.kind == "normal" and self.training_balance <= cash:
            raise ValueError("in the normal scheme more goes to training than to the person as cash")
