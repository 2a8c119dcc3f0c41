"""The judge of the demo and of the fault tests: it must see each wrong, or its acquittals are worth nothing."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from deploy.demo.audit import (
    EXPIRED_FOR,
    REFUSED_FOR,
    REJECTED_FOR,
    AuditResult,
    all_expired,
    audit,
    compare_ledgers,
    expected_entitlements,
    is_finished,
)
from deploy.demo.observer import EntitlementKey, Observed
from deploy.simulation.partner import Payment
from deploy.simulation.people import Person, Persona, cohort
from deploy.simulation.scheme import INCENTIVE

COHORT = cohort(7, 400)
PARKED = Counter({"out_of_window": 3, "bad_seal": 1})


def a_person(persona: Persona = Persona.ORDINARY) -> Person:
    return next(person for person in COHORT if person.persona is persona)


@dataclass
class AuditCase:
    """What was seen and what was paid, as it is when all went well."""

    seen: Observed
    paid: list[Payment]

    def audit(self) -> AuditResult:
        return audit(COHORT, self.seen, self.paid, PARKED, time_is_up=True)

    def pay(self, right: EntitlementKey, reference: str, **changes: object) -> None:
        trainings = (training for person in COHORT for training in person.trainings)
        person = next(training for training in trainings if training.redeem_code == right[0])
        kind = right[1].partition("_")[0]
        account = person.account if kind == "incentive" else "990000001000"
        amount = person.price if kind == "fee" else INCENTIVE
        payment = Payment("bni", reference, amount, account, kind, None)
        self.paid.append(payment._replace(**changes))  # type: ignore[arg-type]
        self.seen.references.setdefault(reference, right)


@pytest.fixture
def world() -> AuditCase:
    seen = Observed(parked_at={("", 0, number): reason for number, reason in enumerate(Counter(PARKED).elements())})
    world = AuditCase(seen, [])
    for person in COHORT:
        if reason := REFUSED_FOR.get(person.persona):
            seen.refused[person.participant_id] = reason
        if reason := REJECTED_FOR.get(person.persona):
            seen.rejected[person.redeem_code] = reason
        if reason := EXPIRED_FOR.get(person.persona):
            seen.expired[person.redeem_code] = reason
        seen.completed.update(training.redeem_code for training in person.trainings if training.completes)
    for number, (right, must) in enumerate(expected_entitlements(COHORT).items()):
        seen.states[right], seen.reasons[right], seen.amounts[right] = must.state, must.reason, must.amount
        if must.state == "settled":
            world.pay(right, f"{number:016d}")
    return world


def test_a_world_in_order_is_acquitted(world: AuditCase) -> None:
    assert world.audit() == AuditResult(0, 0, [])
    assert is_finished(COHORT, world.seen)
    assert all_expired(COHORT, world.seen)


@pytest.mark.parametrize("benefit", ["fee", "incentive_1"])
def test_a_right_paid_under_two_references_is_a_double(world: AuditCase, benefit: str) -> None:
    world.pay((a_person().redeem_code, benefit), "ZZZZZZZZZZZZZZZZ")
    assert world.audit().doubles == 1


@pytest.mark.parametrize("benefit", ["fee", "incentive_1"])
def test_a_double_of_which_salur_says_nothing_is_seen_in_the_accounts(world: AuditCase, benefit: str) -> None:
    world.pay((a_person().redeem_code, benefit), "ZZZZZZZZZZZZZZZZ")
    del world.seen.references["ZZZZZZZZZZZZZZZZ"]
    judged = world.audit()
    assert judged.doubles == 1
    assert judged.wrongs == ["ZZZZZZZZZZZZZZZZ: paid, and never said"]


def test_an_incentive_paid_with_a_second_training_too_is_a_double(world: AuditCase) -> None:
    _, second = a_person(Persona.SECOND_TRAINING).trainings
    world.pay((second.redeem_code, "incentive_1"), "ZZZZZZZZZZZZZZZZ")
    judged = world.audit()
    assert judged.doubles == 1
    assert any("paid by a partner, and not said to be settled" in wrong for wrong in judged.wrongs)


def test_an_incentive_lost_to_a_second_training_is_a_loss(world: AuditCase) -> None:
    first, second = a_person(Persona.SECOND_TRAINING).trainings
    world.seen.states[second.redeem_code, "incentive_1"] = world.seen.states.pop((first.redeem_code, "incentive_1"))
    world.seen.amounts[second.redeem_code, "incentive_1"] = INCENTIVE
    judged = world.audit()
    assert judged.losses == 1
    assert f"{(second.redeem_code, 'incentive_1')}: a right that the story does not give" in judged.wrongs


def test_a_double_paid_into_the_second_account_is_one(world: AuditCase) -> None:
    person = a_person(Persona.SECOND_ACCOUNT)
    world.pay((person.redeem_code, "incentive_1"), "ZZZZZZZZZZZZZZZZ", account=person.second_account)
    del world.seen.references["ZZZZZZZZZZZZZZZZ"]
    assert world.audit().doubles == 1


def test_a_rejected_attempt_before_the_payment_is_no_double(world: AuditCase) -> None:
    person = a_person(Persona.CLOSED_THEN_ANOTHER)
    world.pay((person.redeem_code, "incentive_1"), "ZZZZZZZZZZZZZZZZ", reason="AC04")
    assert world.audit() == AuditResult(0, 0, [])


@pytest.mark.parametrize("forget", [True, False])
def test_a_right_of_which_nothing_is_heard_is_lost(world: AuditCase, forget: bool) -> None:
    right = (a_person().redeem_code, "fee")
    if forget:
        del world.seen.states[right]
    else:
        world.seen.states[right] = "scheduled"
    assert world.audit().losses == 1
    assert not is_finished(COHORT, world.seen)


def _forget_a_refusal(seen: Observed) -> None:
    del seen.refused[a_person(Persona.TOO_YOUNG).participant_id]


def _refuse_without_cause(seen: Observed) -> None:
    seen.refused[a_person().participant_id] = "wave_full"


def _reject_for_another_reason(seen: Observed) -> None:
    seen.rejected[a_person(Persona.TOO_DEAR).redeem_code] = "hours_too_few"


def _complete_the_unfinished(seen: Observed) -> None:
    seen.completed.add(a_person(Persona.NEVER_FINISHES).redeem_code)


def _give_up_the_finished(seen: Observed) -> None:
    seen.expired[a_person().redeem_code] = "not_completed_in_time"


def _hold_what_is_due(seen: Observed) -> None:
    seen.states[(a_person(Persona.NO_ACCOUNT).redeem_code, "fee")] = "held"


def _hold_for_another_reason(seen: Observed) -> None:
    seen.reasons[(a_person(Persona.NO_ACCOUNT).redeem_code, "incentive_1")] = "no_funds"


def _say_another_amount(seen: Observed) -> None:
    seen.amounts[(a_person().redeem_code, "fee")] += 1


def _invent_a_right(seen: Observed) -> None:
    right = (a_person(Persona.NEVER_RATES).redeem_code, "incentive_1")
    seen.states[right], seen.reasons[right], seen.amounts[right] = "held", "no_funds", INCENTIVE


def _park_too_much(seen: Observed) -> None:
    seen.parked_at[("", 0, -1)] = "conflict"


def _park_too_little(seen: Observed) -> None:
    del seen.parked_at[next(place for place, reason in seen.parked_at.items() if reason != "out_of_window")]


@pytest.mark.parametrize(
    "spoil",
    [
        _forget_a_refusal,
        _refuse_without_cause,
        _reject_for_another_reason,
        _complete_the_unfinished,
        _give_up_the_finished,
        _hold_what_is_due,
        _hold_for_another_reason,
        _say_another_amount,
        _invent_a_right,
        _park_too_much,
        _park_too_little,
    ],
)
def test_whatever_salur_says_otherwise_than_it_was_is_wrong(
    world: AuditCase, spoil: Callable[[Observed], None]
) -> None:
    spoil(world.seen)
    assert world.audit().wrongs


def test_a_payment_of_another_amount_or_into_a_strangers_account_is_wrong(world: AuditCase) -> None:
    incentive = next(number for number, payment in enumerate(world.paid) if payment.benefit == "incentive")
    paid = world.paid[incentive]
    world.paid[incentive] = paid._replace(amount=600_001)
    assert len(world.audit().wrongs) == 1
    world.paid[incentive] = paid._replace(account="0000")
    assert len(world.audit().wrongs) == 1


def test_a_settlement_that_no_partner_paid_is_wrong(world: AuditCase) -> None:
    world.paid.pop()
    assert len(world.audit().wrongs) == 1


def test_books_are_compared_by_partner_and_kind_to_the_rupiah() -> None:
    paid = [
        Payment("bni", "1", 1_000_000, "a", "fee", None),
        Payment("bni", "2", 500_000, "a", "fee", None),
        Payment("ovo", "3", 600_000, "b", "incentive", None),
        Payment("ovo", "4", 600_000, "c", "incentive", "AC04"),
    ]
    booked = {("bni", "fee"): 1_500_000, ("ovo", "incentive"): 600_000}
    assert compare_ledgers(paid, booked) == []
    assert len(compare_ledgers(paid, booked | {("ovo", "incentive"): 599_999})) == 1
    assert len(compare_ledgers(paid, booked | {("dana", "fee"): 1})) == 1
    assert len(compare_ledgers(paid, {("bni", "fee"): 1_500_000})) == 1
