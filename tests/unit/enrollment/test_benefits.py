"""Benefits: what the rules of a scheme promise for a training."""

import pytest

from services.enrollment.domain.benefits import Benefit, FeePart, IncentiveRule, SurveyRule, promised_benefits

FEE = FeePart(100, "completed")
SURVEYS = SurveyRule(50_000, 2)


def fee(milestone: str) -> Benefit:
    return Benefit("fee", None, "provider", milestone, once=False)


def incentive(number: int, months_after: int | None = None) -> Benefit:
    return Benefit(f"incentive_{number}", 600_000, "participant", "rated", once=True, months_after=months_after)


def survey(number: int) -> Benefit:
    return Benefit(f"survey_{number}", 50_000, "participant", f"survey_{number}", once=True)


@pytest.mark.parametrize(
    ("incentives", "surveys", "promised"),
    [
        (IncentiveRule(600_000, 1, "rated"), None, [incentive(1)]),
        (IncentiveRule(600_000, 1, "rated"), SURVEYS, [incentive(1), survey(1), survey(2)]),
        (
            IncentiveRule(600_000, 3, "rated", months_apart=1),
            None,
            [incentive(1), incentive(2, months_after=1), incentive(3, months_after=2)],
        ),
        (IncentiveRule(600_000, 2, "rated", months_apart=3), None, [incentive(1), incentive(2, months_after=3)]),
    ],
)
def test_fee_is_promised_then_incentives_then_surveys(
    incentives: IncentiveRule, surveys: SurveyRule | None, promised: list[Benefit]
) -> None:
    assert promised_benefits([FEE], incentives, surveys) == (fee("completed"), *promised)


def test_each_part_of_a_fee_is_promised_at_its_milestone() -> None:
    parts = [FeePart(70, "completed"), FeePart(30, "rated")]
    assert promised_benefits(parts, IncentiveRule(600_000, 1, "rated"), None)[:2] == (fee("completed"), fee("rated"))
