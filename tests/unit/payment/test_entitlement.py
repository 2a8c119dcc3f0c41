"""Entitlements: when each falls due, and with which training."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.payment.domain.entitlement import (
    COMPLETED,
    Annulment,
    Enrollment,
    Entitlement,
    Grant,
    Payee,
    annulment_of,
    answer_survey,
    complete,
    component_of,
    earned_once_per_participant,
    newly_earned,
    rate,
    reached_at,
    revoke,
    void,
)
from shared.errors import InvariantBroken
from tests.unit.payment.values import FEE, INCENTIVE, NOW, an_enrollment

KEY = b"k" * 32


def test_nothing_is_earned_before_completion() -> None:
    early = rate(an_enrollment(), NOW)
    assert newly_earned(an_enrollment(), early) == []
    assert earned_once_per_participant([early], [], {}) == []


def test_completion_earns_the_fee_and_a_rating_the_incentive() -> None:
    done = complete(an_enrollment(), NOW, noted_at=NOW)
    assert newly_earned(an_enrollment(), done) == [FEE]
    assert newly_earned(done, rate(done, NOW)) == [INCENTIVE]


def test_completion_is_noted_besides_the_time_of_the_completion() -> None:
    done = complete(an_enrollment(), NOW, noted_at=NOW + timedelta(days=1))
    assert (done.completed_at, done.completion_noted_at) == (NOW, NOW + timedelta(days=1))


def test_a_rating_before_completion_counts_once_completion_comes() -> None:
    early = rate(an_enrollment(), NOW)
    assert newly_earned(early, complete(early, NOW, noted_at=NOW)) == [FEE, INCENTIVE]


def test_the_first_completion_and_the_first_rating_count() -> None:
    done = rate(complete(an_enrollment(), NOW, noted_at=NOW), NOW)
    again = complete(done, NOW + timedelta(days=1), noted_at=NOW)
    assert rate(again, NOW + timedelta(days=1)) is done


SURVEY = Entitlement("survey_1", 50_000, Payee.PARTICIPANT, "survey_1", first_training_only=True)


def test_survey_is_earned_once_it_is_answered_and_the_training_completed() -> None:
    enrolled = an_enrollment(entitlements=(FEE, SURVEY))
    answered = answer_survey(enrolled, "survey_1", NOW + timedelta(days=1))
    assert newly_earned(enrolled, answered) == []
    done = complete(answered, NOW, noted_at=NOW)
    assert newly_earned(answered, done) == [FEE, SURVEY]
    assert reached_at(done, SURVEY) == NOW + timedelta(days=1)
    assert reached_at(complete(answered, NOW + timedelta(days=2), noted_at=NOW), SURVEY) == NOW + timedelta(days=2)


def test_enrollment_promises_surveys_if_a_benefit_is_for_one() -> None:
    assert an_enrollment(entitlements=(FEE, SURVEY)).promises_surveys
    assert not an_enrollment(entitlements=(FEE, INCENTIVE)).promises_surveys


def test_benefit_of_an_unknown_kind_needs_a_release() -> None:
    known = "a benefit is one of fee, incentive, survey; schemes with another need a release"
    with pytest.raises(InvariantBroken, match=f"^bonus_1: {known}$"):
        component_of("bonus_1")


def test_the_first_answer_to_a_survey_counts_and_earns_no_other() -> None:
    answered = answer_survey(an_enrollment(entitlements=(FEE, SURVEY)), "survey_2", NOW)
    assert answer_survey(answered, "survey_2", NOW + timedelta(days=1)) is answered
    assert newly_earned(complete(an_enrollment(), NOW, noted_at=NOW), complete(answered, NOW, noted_at=NOW)) == []


def a_training(code: str, completed: int | None, rated: int | None, **changes: Any) -> Enrollment:
    """Return a training completed and rated so many hours after NOW."""
    training = an_enrollment(redeem_code=code, **changes)
    if completed is not None:
        training = complete(training, NOW + timedelta(hours=completed), noted_at=NOW)
    return training if rated is None else rate(training, NOW + timedelta(hours=rated))


def earner(trainings: Sequence[Enrollment], *grants: Grant) -> str | None:
    """Return the training that the incentive falls due with."""
    due = earned_once_per_participant(trainings, grants, {})
    assert {entitlement for _, entitlement in due} <= {INCENTIVE}
    return due[0][0].redeem_code if due else None


def test_unrated_first_training_does_not_block_the_incentive() -> None:
    assert earner([a_training("B", 1, None), a_training("A", 2, 3)]) == "A"


@pytest.mark.parametrize(
    ("a", "b", "first"),
    [
        ((1, 9), (2, 8), "B"),
        ((9, 1), (8, 2), "B"),
        ((1, 2), (8, 9), "A"),
        ((3, 5), (5, 4), "A"),
        ((5, None), (9, 9), "B"),
        ((None, 5), (9, 9), "B"),
    ],
)
def test_first_training_completed_and_rated_earns_the_incentive_of_several(
    a: tuple[int | None, int | None], b: tuple[int | None, int | None], first: str
) -> None:
    both = [a_training("A", *a), a_training("B", *b)]
    assert earner(both) == earner(both[::-1]) == first


def test_granted_incentive_stands_whichever_training_becomes_known() -> None:
    trainings = [a_training("A", 1, 1), a_training("B", 5, 5)]
    assert earner(trainings, Grant("B", "incentive_1", stands=True)) is None


def test_incentive_cancelled_before_instruction_falls_due_again() -> None:
    cancelled = Grant("A", "incentive_1", stands=False)
    assert earner([a_training("A", 1, 1)], cancelled) is None
    assert earner([a_training("A", 1, 1), a_training("B", 5, 5)], cancelled) == "B"
    again = Grant("B", "incentive_1", stands=True)
    assert earner([a_training("A", 1, 1), a_training("B", 5, 5), a_training("C", 2, 2)], cancelled, again) is None


def test_announced_incentive_falls_due_with_no_other_training() -> None:
    first, second = a_training("A", 1, 1), a_training("B", 5, 5)
    assert earned_once_per_participant([first, second], [], {"incentive_1": "B"}) == [(second, INCENTIVE)]
    assert earned_once_per_participant([first], [], {"incentive_1": "B"}) == []


def test_other_grants_do_not_block_the_incentive() -> None:
    assert earner([a_training("A", 1, 1)], Grant("A", "survey_1", stands=True)) == "A"


def test_training_without_incentive_leaves_it_to_the_next() -> None:
    assert earner([a_training("A", 1, 1, entitlements=(FEE,)), a_training("B", 5, 5)]) == "B"


def test_the_amount_is_that_of_the_training_that_earns_it() -> None:
    dearer = INCENTIVE._replace(amount=700_000)
    trainings = [a_training("A", 5, 5), a_training("B", 1, 1, entitlements=(FEE, dearer))]
    assert [entitlement for _, entitlement in earned_once_per_participant(trainings, [], {})] == [dearer]


def test_each_benefit_had_once_is_counted_for_itself() -> None:
    at_once = Entitlement("incentive_2", 1, Payee.PARTICIPANT, COMPLETED, first_training_only=True)
    trainings = [a_training("A", 1, None, entitlements=(INCENTIVE, at_once)), a_training("B", 5, 5)]
    assert earned_once_per_participant(trainings, [], {}) == [(trainings[0], at_once), (trainings[1], INCENTIVE)]


def test_benefits_earned_at_one_time_come_in_the_order_of_the_training() -> None:
    training = answer_survey(a_training("A", 1, 1, entitlements=(SURVEY, INCENTIVE)), "survey_1", NOW)
    assert earned_once_per_participant([training], [], {}) == [(training, SURVEY), (training, INCENTIVE)]


@pytest.mark.parametrize(
    ("voided", "revoked", "first"),
    [
        (None, None, None),
        (1, None, (Annulment.VOIDED, 1)),
        (None, 1, (Annulment.REVOKED, 1)),
        (1, 2, (Annulment.VOIDED, 1)),
        (2, 1, (Annulment.REVOKED, 1)),
        (1, 1, (Annulment.VOIDED, 1)),
    ],
)
def test_the_earlier_of_void_and_revocation_counts_by_its_time(
    voided: int | None, revoked: int | None, first: tuple[Annulment, int] | None
) -> None:
    def at(hours: int) -> datetime:
        return NOW + timedelta(hours=hours)

    training = an_enrollment()
    for change, hours in ((void, voided), (revoke, revoked)):
        training = training if hours is None else change(training, at(hours))
    assert annulment_of(training) == (first and (first[0], at(first[1])))
    assert training.is_annulled is (first is not None)


@pytest.mark.parametrize("change", [void, revoke])
def test_the_first_void_and_the_first_revocation_count(change: Callable[[Enrollment, datetime], Enrollment]) -> None:
    annulled = change(an_enrollment(), NOW)
    assert change(annulled, NOW - timedelta(days=1)) is annulled


@pytest.mark.parametrize("change", [void, revoke])
def test_annulled_training_earns_nothing_once(change: Callable[[Enrollment, datetime], Enrollment]) -> None:
    first, second = a_training("A", 0, 0), a_training("B", 5, 5)
    assert earner([change(first, NOW), second]) == "B"
    assert earner([change(first, NOW), change(second, NOW)]) is None
