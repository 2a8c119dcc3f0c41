"""Series: when incentives after the first are to fall due, and with which training."""

from datetime import timedelta

import pytest

from services.payment.domain.entitlement import (
    COMPLETED,
    RATED,
    Enrollment,
    Entitlement,
    Grant,
    Payee,
    complete,
    earned_once_per_participant,
    newly_earned,
    rate,
)
from services.payment.domain.series import MonthlyDue, earned_by_month, monthly_dues
from tests.unit.payment.values import FEE, INCENTIVE, NOW, an_enrollment

SECOND = Entitlement("incentive_2", 600_000, Payee.PARTICIPANT, RATED, first_training_only=True, months_after=1)
THIRD = SECOND._replace(benefit="incentive_3", months_after=2)
DAY = timedelta(days=1)


def a_training(code: str = "A", day: int = 0) -> Enrollment:
    """Return a training that was completed so many days after NOW and rated a day later."""
    enrolled = an_enrollment(redeem_code=code, entitlements=(FEE, INCENTIVE, SECOND, THIRD))
    return rate(complete(enrolled, NOW + day * DAY, noted_at=NOW), NOW + (day + 1) * DAY)


def test_series_is_to_fall_due_months_after_the_training_was_rated() -> None:
    """NOW is the second of March."""
    assert monthly_dues((a_training(), INCENTIVE)) == [
        MonthlyDue(NOW.replace(month=4, day=3), 3, "A", "incentive_2"),
        MonthlyDue(NOW.replace(month=5, day=3), 3, "A", "incentive_3"),
    ]


def test_months_count_from_the_milestone_of_the_first_incentive() -> None:
    at_once = INCENTIVE._replace(milestone=COMPLETED)
    assert [due.due_at for due in monthly_dues((a_training(), at_once))] == [NOW.replace(month=4), NOW.replace(month=5)]


def test_only_the_first_incentive_begins_a_series() -> None:
    assert monthly_dues((a_training(), FEE)) == monthly_dues((a_training(), SECOND)) == []
    assert monthly_dues((rate(complete(an_enrollment(), NOW, noted_at=NOW), NOW), INCENTIVE)) == []


def test_no_milestone_earns_an_incentive_after_the_first() -> None:
    training = a_training()
    assert newly_earned(an_enrollment(entitlements=training.entitlements), training) == [FEE, INCENTIVE]
    assert earned_once_per_participant([training], [], {}) == [(training, INCENTIVE)]


FIRST_STANDS = Grant("A", "incentive_1", stands=True)


def test_incentive_falls_due_while_the_first_stands_with_its_training() -> None:
    training = a_training()
    assert earned_by_month(training, "incentive_2", [FIRST_STANDS], {}) == (training, SECOND)
    standing = [FIRST_STANDS, Grant("A", "incentive_2", stands=True)]
    assert earned_by_month(training, "incentive_3", standing, {}) == (training, THIRD)


@pytest.mark.parametrize(
    "grants",
    [
        [],
        [Grant("A", "incentive_1", stands=False)],
        [Grant("B", "incentive_1", stands=True)],
        [FIRST_STANDS, Grant("A", "incentive_2", stands=True)],
        [FIRST_STANDS, Grant("A", "incentive_2", stands=False)],
        [FIRST_STANDS, Grant("B", "incentive_2", stands=True)],
    ],
)
def test_nothing_falls_due_without_the_first_or_a_second_time(grants: list[Grant]) -> None:
    assert earned_by_month(a_training(), "incentive_2", grants, {}) is None


def test_series_runs_anew_when_the_first_falls_due_with_another_training() -> None:
    """The first was cancelled before any partner was instructed, the second had not been due."""
    trainings = [a_training("A"), a_training("B", day=20)]
    cancelled = Grant("A", "incentive_1", stands=False)
    (again,) = earned_once_per_participant(trainings, [cancelled], {})
    assert again == (trainings[1], INCENTIVE)
    assert [(one.redeem_code, one.due_at) for one in monthly_dues(again)] == [
        ("B", NOW.replace(month=4, day=23)),
        ("B", NOW.replace(month=5, day=23)),
    ]
    grants = [cancelled, Grant("B", "incentive_1", stands=True)]
    assert earned_by_month(trainings[0], "incentive_2", grants, {}) is None
    assert earned_by_month(trainings[1], "incentive_2", grants, {}) == (trainings[1], SECOND)


def test_instructed_incentive_is_not_paid_again_with_a_new_series() -> None:
    grants = [
        Grant("A", "incentive_1", stands=False),
        Grant("A", "incentive_2", stands=True),
        Grant("A", "incentive_3", stands=False),
        Grant("B", "incentive_1", stands=True),
    ]
    training = a_training("B", day=20)
    assert earned_by_month(training, "incentive_2", grants, {}) is None
    assert earned_by_month(training, "incentive_3", grants, {}) == (training, THIRD)


def test_announced_incentive_falls_due_with_no_other_training() -> None:
    training = a_training()
    assert earned_by_month(training, "incentive_2", [FIRST_STANDS], {"incentive_2": "B"}) is None
    assert earned_by_month(training, "incentive_2", [FIRST_STANDS], {"incentive_2": "A"}) == (training, SECOND)
