"""Scheme: a version of all rules and amounts of the programme. Amounts are whole rupiah."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Mode = Literal["online", "self_paced", "offline", "hybrid"]
Proof = Literal["face", "venue_qr"]


@dataclass(frozen=True, slots=True)
class AdmissionRule:
    """Rule of admission. `days`: calendar days after a wave closes in which its participants may be admitted."""

    age_at_least: int
    age_at_most: int
    days: int


@dataclass(frozen=True, slots=True)
class PurchaseRule:
    """Rule of purchases. Days are calendar days in Jakarta; `next_within_days` None: no deadline.

    `offline_regions`: first digits of the regencies whose residents may buy trainings that meet in a room; None: all.
    `catalogue`: only an approved course may be bought if it is required.
    """

    first_within_days: int
    minimum_hours: int
    catalogue: Literal["required", "optional"]
    next_within_days: int | None = None
    offline_regions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class CashBenefit:
    """Cash for the participant: `amount` is paid `times` times."""

    amount: int
    times: int

    @property
    def total(self) -> int:
        return self.amount * self.times


@dataclass(frozen=True, slots=True)
class CompletionPeriods:
    """Calendar days after the last session: in which evidence may happen, and after which completion is rejected."""

    evidence_days: int
    complete_within_days: int


@dataclass(frozen=True, slots=True)
class ModeRule:
    """Rule of trainings of one mode, and the evidence that completes them. `class_at_most` None: any size."""

    session_proof: Literal["face", "venue_qr", "by_session"]
    post_test: Literal["passed", "taken"] | None
    graded: bool
    certificate: bool
    class_at_most: int | None = None

    def proof_of(self, session_mode: str) -> Proof:
        """Return the proof of attendance that a session needs; sessions of a hybrid training have their own modes."""
        if self.session_proof == "by_session":
            return "venue_qr" if session_mode == "offline" else "face"
        return self.session_proof


@dataclass(frozen=True, slots=True)
class Scheme:
    """All rules of one version of a scheme. Raise ValueError when they contradict its kind."""

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
            raise ValueError("training_balance, incentive and survey must all be positive")
        if self.kind == "normal" and self.training_balance <= cash:
            raise ValueError("training_balance of a normal scheme must exceed the cash that it pays")
