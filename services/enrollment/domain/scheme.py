"""Scheme: a version of all rules and amounts of the programme. Amounts are whole rupiah.

Each rule raises ValueError when its own values contradict each other; the text begins with the key that is wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import Literal

from services.enrollment.domain.benefits import (
    WHOLE,
    Benefit,
    FeePart,
    IncentiveRule,
    SurveyRule,
    promised_benefits,
)
from services.enrollment.domain.calendar import end_of_day, jakarta_day

Mode = Literal["online", "self_paced", "offline", "hybrid"]
Proof = Literal["face", "venue_qr"]
IN_A_ROOM: frozenset[Mode] = frozenset({"offline", "hybrid"})
"""Modes with sessions at a venue."""


@dataclass(frozen=True, slots=True)
class AdmissionRule:
    """Rule of admission. `days`: calendar days after a wave closes in which its participants may be admitted.

    `age_at_most` None: any age.
    """

    age_at_least: int
    days: int
    age_at_most: int | None = None

    def __post_init__(self) -> None:
        if self.age_at_most is not None and self.age_at_most < self.age_at_least:
            raise ValueError(f"age_at_most must be at least age_at_least, {self.age_at_least}")

    def admits_age(self, age: int) -> bool:
        return self.age_at_least <= age and (self.age_at_most is None or age <= self.age_at_most)


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
class CompletionPeriods:
    """Calendar days after the last session: in which evidence may happen, and after which completion is rejected."""

    evidence_days: int
    complete_within_days: int

    def __post_init__(self) -> None:
        if self.complete_within_days < self.evidence_days:
            raise ValueError(f"complete_within_days must be at least evidence_days, {self.evidence_days}")


@dataclass(frozen=True, slots=True)
class ModeRule:
    """Rule of trainings of one mode, and the evidence that completes them. `class_at_most` None: any size.

    `sessions_share`: the least percentage of the sessions that must be attended. `post_test` None: none is needed.
    """

    session_proof: Literal["face", "venue_qr", "by_session"]
    sessions_share: int
    graded: bool
    certificate: bool
    post_test: Literal["passed", "taken"] | None = None
    class_at_most: int | None = None

    def proof_of(self, session_mode: str) -> Proof:
        """Return the proof of attendance that a session needs; sessions of a hybrid training have their own modes."""
        if self.session_proof == "by_session":
            return "venue_qr" if session_mode == "offline" else "face"
        return self.session_proof

    def sessions_at_least(self, sessions: int) -> int | None:
        """Return how many of the sessions must be attended, rounded up; None: all."""
        needed = -(-sessions * self.sessions_share // WHOLE)
        return needed if needed < sessions else None


@dataclass(frozen=True, slots=True)
class Scheme:
    """All rules of one version of a scheme. `in_force_from`: its first day, in Jakarta.

    `clawback_days`: days in which money paid in vain has to be paid back. `survey` None: no money for surveys.
    `cut_offs`: days with whose end unspent money returns, each that of the waves opened until then.
    `benefits` are computed once, since all trainings of a scheme promise the same.
    """

    scheme: str
    version: int
    kind: Literal["normal", "semi-bansos"]
    in_force_from: date
    training_balance: int
    clawback_days: int
    fee: tuple[FeePart, ...]
    incentive: IncentiveRule
    admission: AdmissionRule
    purchase: PurchaseRule
    completion: CompletionPeriods
    modes: Mapping[Mode, ModeRule]
    survey: SurveyRule | None = None
    cut_offs: tuple[date, ...] = ()
    benefits: tuple[Benefit, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        self._check_fee()
        self._check_modes()
        self._check_cut_offs()
        if self.kind == "normal" and self.training_balance <= self.cash:
            raise ValueError(f"training_balance must be more than the cash of a normal scheme, which is {self.cash}")
        object.__setattr__(self, "benefits", promised_benefits(self.fee, self.incentive, self.survey))

    @property
    def name(self) -> str:
        """The name of this version, such as `normal-2023.2`."""
        return f"{self.scheme}.{self.version}"

    @property
    def cash(self) -> int:
        """The most that a participant is paid."""
        return self.incentive.total + (self.survey.total if self.survey else 0)

    def cut_off_of_wave(self, opens_at: datetime) -> datetime | None:
        """Return the end of the first cut-off day that is not before the wave opens; None if there is none."""
        opens_on = jakarta_day(opens_at)
        return next((end_of_day(day) for day in self.cut_offs if day >= opens_on), None)

    def _check_fee(self) -> None:
        if (shares := sum(part.share for part in self.fee)) != WHOLE:
            raise ValueError(f"fee must have shares of {WHOLE} percent in all, not {shares}")
        if len(self.fee) > 1:
            raise ValueError(f"fee must be one part, since an enrollment promises one fee, and has {len(self.fee)}")

    def _check_cut_offs(self) -> None:
        for earlier, later in pairwise(self.cut_offs):
            if later <= earlier:
                raise ValueError(f"cut_offs must rise, and {later} does not come after {earlier}")
        if self.cut_offs and self.cut_offs[0] < self.in_force_from:
            raise ValueError(f"cut_offs must not begin before in_force_from, {self.in_force_from}")

    def _check_modes(self) -> None:
        if not self.modes:
            raise ValueError("modes must have a table of at least one mode")
        for mode, rule in self.modes.items():
            if rule.session_proof == "by_session" and mode != "hybrid":
                raise ValueError(f"modes.{mode}.session_proof must name one proof, since only hybrid sessions differ")
        if self.purchase.offline_regions is not None and not self.modes.keys() & IN_A_ROOM:
            raise ValueError(
                "purchase.offline_regions must be left out of a scheme without offline and hybrid trainings"
            )


@dataclass(frozen=True, slots=True, eq=False)
class SchemeVersions:
    """All versions of one scheme, the highest first. There is one object for each scheme, compared by identity."""

    versions: tuple[Scheme, ...]

    @property
    def latest(self) -> Scheme:
        return self.versions[0]

    @property
    def first(self) -> Scheme:
        """The first version, which is in force even before its first day."""
        return self.versions[-1]

    def at(self, moment: datetime) -> Scheme:
        """Return the version in force at a moment: the highest whose first day has come, else the first version.

        It depends on when something happened, not on when it is decided.
        """
        day = jakarta_day(moment)
        return next((version for version in self.versions if version.in_force_from <= day), self.first)
