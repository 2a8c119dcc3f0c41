"""Expected outcomes: what each persona comes to, step by step and month by month."""

from datetime import datetime
from itertools import pairwise

import pytest

from deploy.demo.plan import LEAPS
from deploy.simulation.outcome import NEXT_REJECTED_FOR, REFUSED_FOR, REJECTED_FOR, ExpectedPayment, expected_outcome
from deploy.simulation.people import BUYS_ANOTHER, TIMELINE_ENDS_AT, Person, Persona, cohort
from deploy.simulation.steps import REFUSED, STEPS, TAKE_LATE_STEPS, Act, acts_until, steps_of

COHORT = cohort(7, 500)


def one_with(persona: Persona) -> Person:
    return next(person for person in COHORT if person.persona is persona)


def payments(persona: Persona, at: datetime = TIMELINE_ENDS_AT, steps: int | None = None) -> dict[str, ExpectedPayment]:
    """Return what is expected of all trainings of such a person, by benefit."""
    trainings = expected_outcome(one_with(persona), at, steps).trainings
    return {benefit: payment for training in trainings for benefit, payment in training.payments.items()}


# State, reason, and what it is claimed for.
PAID = ("settled", "", "")
VOIDED, REVOKED, CLAIMED_BLOCKED = (("settled", "", reason) for reason in ("voided", "revoked", "blocked"))
NO_ACCOUNT, BLOCKED = (("held", reason, "") for reason in ("no_account", "participant_blocked"))
CANCELLED, ERASED = (("cancelled", reason, "") for reason in ("voided", "erased"))


@pytest.mark.parametrize(
    ("persona", "steps", "fee", "incentive"),
    [
        (Persona.ORDINARY, 1, PAID, PAID),
        (Persona.NO_ACCOUNT, 1, PAID, NO_ACCOUNT),
        (Persona.BLOCKED, 2, BLOCKED, BLOCKED),
        (Persona.UNBLOCKED, 2, BLOCKED, BLOCKED),
        (Persona.UNBLOCKED, 3, PAID, PAID),
        (Persona.BLOCKED_AFTERWARDS, 1, PAID, PAID),
        (Persona.BLOCKED_AFTERWARDS, 2, PAID, CLAIMED_BLOCKED),
        (Persona.VOIDED_FIRST, 2, PAID, PAID),
        (Persona.VOIDED_WHILE_HELD, 1, PAID, NO_ACCOUNT),
        (Persona.VOIDED_WHILE_HELD, 2, VOIDED, CANCELLED),
        (Persona.VOIDED_AFTERWARDS, 2, VOIDED, VOIDED),
        (Persona.FRAUD_FOUND_AFTERWARDS, 2, REVOKED, REVOKED),
        (Persona.TEST_REVOKED, 2, PAID, PAID),
        (Persona.BUYS_TOO_SOON, 2, PAID, PAID),
        (Persona.BUYS_NEXT_LATE, 2, PAID, PAID),
        (Persona.ERASED_FIRST, 3, ERASED, ERASED),
        (Persona.ERASED_WHILE_HELD, 1, PAID, NO_ACCOUNT),
        (Persona.ERASED_WHILE_HELD, 2, PAID, ERASED),
        (Persona.ERASED_AFTERWARDS, 2, PAID, PAID),
        (Persona.RETURNED, 1, PAID, ("held", "account_closed", "")),
        (Persona.RETURNED, 2, PAID, PAID),
        (Persona.REOPENED, 2, PAID, PAID),
    ],
)
def test_change_of_mind_decides_what_is_paid_held_and_claimed(
    persona: Persona, steps: int, fee: tuple[str, str, str], incentive: tuple[str, str, str]
) -> None:
    due = payments(persona, steps=steps)
    for benefit, must in (("fee", fee), ("incentive_1", incentive)):
        assert (due[benefit].state, due[benefit].reason, due[benefit].claimed_for) == must
    assert due["incentive_1"].amount == 600_000


@pytest.mark.parametrize("persona", [Persona.VOIDED_FIRST, Persona.BLOCKED, Persona.FRAUD_FOUND_FIRST])
def test_nothing_is_due_after_a_first_step_without_evidence(persona: Persona) -> None:
    assert payments(persona, steps=1) == {}


def test_attendance_found_false_before_completion_expires() -> None:
    (training,) = expected_outcome(one_with(Persona.FRAUD_FOUND_FIRST), LEAPS[0]).trainings
    assert (training.completed, training.expired, training.payments) == (False, "not_completed_in_time", {})


def test_training_voided_first_never_expires() -> None:
    first, second = expected_outcome(one_with(Persona.VOIDED_FIRST), LEAPS[-1]).trainings
    assert (first.voided, first.expired, second.voided, second.completed) == (True, "", False, True)


def test_monthly_incentives_fall_due_one_by_one() -> None:
    due = [{*payments(Persona.SEMI_BANSOS, at)} for at in (TIMELINE_ENDS_AT, *LEAPS)]
    assert due[0] == {"fee", "incentive_1", "survey_1", "survey_2", "survey_3"}
    assert [later - earlier for earlier, later in pairwise(due)] == [{f"incentive_{n}"} for n in (2, 3, 4)]


def test_voided_training_ends_the_series_of_incentives() -> None:
    assert {*payments(Persona.SEMI_BANSOS_VOIDED, LEAPS[-1])} == {"fee", "incentive_1"}


def test_survey_is_paid_as_often_as_the_scheme_says() -> None:
    assert {*payments(Persona.ANSWERS_SURVEYS)} == {"fee", "incentive_1", "survey_1", "survey_2"}


def test_steps_and_outcomes_agree_on_who_is_refused_and_buys_twice() -> None:
    refused = {persona for persona, steps in STEPS.items() if steps is REFUSED}
    assert refused | {Persona.BUYS_WHILE_BLOCKED, Persona.HEARD_TOO_LATE} == {*REFUSED_FOR, *REJECTED_FOR}
    assert {persona for persona in Persona if Act.BUY_NEXT in acts_until(persona)} == {*BUYS_ANOTHER}
    assert NEXT_REJECTED_FOR.keys() <= BUYS_ANOTHER.keys()


def test_every_first_step_begins_with_the_application() -> None:
    assert all(steps_of(persona)[0][0] is Act.APPLY for persona in Persona)


def forfeits(persona: Persona, at: datetime) -> list[tuple[int, str]]:
    """Return rupiah and reasons of what is forfeited by a time of the balance of such a person, the first first."""
    taken = sorted(expected_outcome(one_with(persona), at).forfeits.items())
    return [(forfeit.amount, forfeit.reason) for _, forfeit in taken]


def test_balance_is_forfeited_whole_and_the_rest_after_a_training() -> None:
    price = one_with(Persona.ORDINARY).price
    for leap in LEAPS:
        assert forfeits(Persona.NEVER_BUYS, leap) == [(3_500_000, "first_purchase_late")]
        assert forfeits(Persona.ORDINARY, leap) == [(3_500_000 - price, "next_purchase_late")]
    assert forfeits(Persona.NEVER_BUYS, TIMELINE_ENDS_AT) == []


def test_void_gives_back_what_another_deadline_takes() -> None:
    price = one_with(Persona.VOIDED_AFTERWARDS).price
    rest = (3_500_000 - price, "next_purchase_late")
    assert forfeits(Persona.VOIDED_AFTERWARDS, LEAPS[0]) == [rest, (price, "first_purchase_late")]
    second = expected_outcome(one_with(Persona.VOIDED_FIRST), LEAPS[0]).trainings[1]
    left = 3_500_000 - second.payments["fee"].amount
    assert forfeits(Persona.VOIDED_FIRST, LEAPS[0]) == [(left, "next_purchase_late")]


def test_rest_of_who_never_finished_is_forfeited_at_the_cut_off() -> None:
    left = 3_500_000 - one_with(Persona.NEVER_FINISHES).price
    assert [forfeits(Persona.NEVER_FINISHES, leap) for leap in LEAPS] == [[], [], [(left, "cut_off")]]


def test_scheme_of_the_pandemic_forfeits_after_a_month_and_has_no_cut_off() -> None:
    voided = [forfeits(Persona.SEMI_BANSOS_VOIDED, leap) for leap in LEAPS]
    assert voided == [[], *[[(1_000_000, "first_purchase_late")]] * 2]
    assert forfeits(Persona.SEMI_BANSOS, LEAPS[-1]) == []


def test_what_is_held_is_forfeited_at_the_cut_off_unless_frozen() -> None:
    before, after = (
        {persona: payments(persona, at)["incentive_1"] for persona in (Persona.NO_ACCOUNT, Persona.CONTRADICTED)}
        for at in LEAPS[1:]
    )
    assert {payment.state for payment in before.values()} == {"held"}
    assert (after[Persona.NO_ACCOUNT].state, after[Persona.NO_ACCOUNT].reason) == ("forfeited", "cut_off")
    assert after[Persona.CONTRADICTED] == before[Persona.CONTRADICTED]


def test_late_steps_change_nothing_before_every_deadline_has_passed() -> None:
    for persona in TAKE_LATE_STEPS:
        person = one_with(persona)
        assert expected_outcome(person) == expected_outcome(person, steps=1)
        assert expected_outcome(person, LEAPS[0]) != expected_outcome(person, LEAPS[0], steps=1)


def test_reopened_training_has_expired_and_is_completed() -> None:
    (expired,), (reopened,) = (
        expected_outcome(one_with(Persona.REOPENED), LEAPS[0], steps).trainings for steps in (1, 2)
    )
    assert (expired.completed, expired.expired) == (False, "not_completed_in_time")
    assert (reopened.completed, reopened.expired) == (True, "not_completed_in_time")
