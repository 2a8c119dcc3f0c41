"""Benefits: the rights to money that a scheme promises for a confirmed training. Amounts are whole rupiah.

Each rule raises ValueError when its own values contradict each other; the text begins with the key that is wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Milestone = Literal["completed", "rated"]
WHOLE = 100
"""Percent."""


@dataclass(frozen=True, slots=True)
class FeePart:
    """A part of the price of a training, in percent, which its provider is paid at a milestone."""

    share: int
    milestone: Milestone


@dataclass(frozen=True, slots=True)
class IncentiveRule:
    """Cash with the first training that reaches the milestone: `amount`, paid `times` times, `months_apart`."""

    amount: int
    times: int
    milestone: Milestone
    months_apart: int | None = None

    def __post_init__(self) -> None:
        if self.times > 1 and self.months_apart is None:
            raise ValueError("months_apart is missing, which an incentive that is paid several times needs")
        if self.times == 1 and self.months_apart is not None:
            raise ValueError("months_apart must be left out of an incentive that is paid once")

    @property
    def total(self) -> int:
        return self.amount * self.times


@dataclass(frozen=True, slots=True)
class SurveyRule:
    """Cash for answered surveys, numbered from 1 to `times`: `amount` for each that belongs to a completed training."""

    amount: int
    times: int

    @property
    def total(self) -> int:
        return self.amount * self.times


@dataclass(frozen=True, slots=True)
class Benefit:
    """One right to money. `amount` None: the price of the training.

    `once`: the participant has it once, with the first training that reaches the milestone. `months_after`: calendar
    months after the participant's first incentive fell due; None: at the milestone.
    """

    benefit: str
    amount: int | None
    payee: Literal["provider", "participant"]
    milestone: str
    once: bool
    months_after: int | None = None


def promised_benefits(
    fee: Sequence[FeePart], incentive: IncentiveRule, survey: SurveyRule | None
) -> tuple[Benefit, ...]:
    """Return the benefits: the fee, then the incentives and the surveys in their order."""
    fees = [Benefit("fee", None, "provider", part.milestone, once=False) for part in fee]
    incentives = [
        Benefit(
            f"incentive_{number}",
            incentive.amount,
            "participant",
            incentive.milestone,
            once=True,
            months_after=incentive.months_apart * (number - 1) if incentive.months_apart and number > 1 else None,
        )
        for number in range(1, incentive.times + 1)
    ]
    surveys = [
        Benefit(f"survey_{number}", survey.amount, "participant", f"survey_{number}", once=True)
        for number in range(1, survey.times + 1)
    ] if survey else []  # fmt: skip
    return (*fees, *incentives, *surveys)
