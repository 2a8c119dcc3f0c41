"""Explanation of a participant: each decision of enrollment with its rule and its figures, from stored rows."""

import json
from datetime import date, timedelta
from typing import Any

from shared.contracts.topics import lane_of
from shared.runtime.explanation import Decision, in_order, members_of
from tests.builders import (
    ADMITTED_AT,
    LATER,
    a_block,
    a_nik,
    a_participant_id,
    a_purchase,
    a_void,
    a_wave,
    an_account,
    an_admission,
    an_unblock,
)
from tests.integration.enrollment.harness import EnrollmentHarness, completed, rated

DAY = timedelta(days=1)


async def explained(harness: EnrollmentHarness, person: str) -> list[Decision]:
    return in_order(await harness.definition.explain(harness.connection, person))


def about(decisions: list[Decision], code: object) -> list[Decision]:
    return [decision for decision in decisions if decision.about == code]


async def test_each_decision_is_explained_in_order_of_time(harness: EnrollmentHarness) -> None:
    person, nik = a_participant_id(), a_nik()
    first = a_purchase(person)
    code = first.data["redeem_code"]
    await harness.receive(a_wave(), an_admission(person, nik=nik), an_account(person, nik=nik, number="0812777"), first)
    await harness.receive(completed(person, code, ADMITTED_AT + 4 * DAY), rated(person, code, ADMITTED_AT + 5 * DAY))
    await harness.receive(a_block(person, ADMITTED_AT + 6 * DAY), an_unblock(person, ADMITTED_AT + 7 * DAY))
    found = await explained(harness, person)
    assert [(one.decision, one.rule) for one in found] == [
        ("admitted", "admission.admitted"),
        ("account_linked", "account.latest_linked"),
        ("purchase_confirmed", "purchase.confirmed"),
        ("completed", "milestone.first"),
        ("rated", "milestone.first"),
        ("blocked", "block.latest"),
        ("unblocked", "block.latest"),
    ]
    admitted, purchase = found[0], found[2]
    assert (admitted.about, admitted.scheme, admitted.amounts) == ("48", "normal-2023", {"balance": 3_500_000})
    assert (purchase.about, purchase.decided_at, purchase.scheme_version) == (code, LATER, admitted.scheme_version)
    assert purchase.amounts == {"price": 1_500_000, "balance_before": 3_500_000, "balance_after": 2_000_000}
    assert purchase.facts["buy_by"] == date(2023, 3, 8)
    shown = json.dumps([members_of(one) for one in found], default=str)
    assert not any(secret in shown for secret in (nik, "0812777", "eyJ"))


async def test_refused_admission_names_rule_and_wave(harness: EnrollmentHarness) -> None:
    young = an_admission(birth_date=date(2012, 1, 1))
    await harness.receive(a_wave(), young)
    (refused,) = await explained(harness, str(young.data["participant_id"]))
    assert (refused.decision, refused.rule, refused.amounts) == ("refused", "admission.age_out_of_range", {})
    assert refused.facts["wave_opens_at"] is not None


async def test_refused_purchase_names_its_figures(harness: EnrollmentHarness) -> None:
    person = a_participant_id()
    first, dear = _bought(person, 1, 2_000_000), _bought(person, 6, 1_500_001)
    await harness.receive(a_wave(), an_admission(person), first)
    for milestone in (completed, rated):
        await harness.receive(milestone(person, str(first.data["redeem_code"]), ADMITTED_AT + 4 * DAY))
    await harness.receive(dear)
    (refused,) = about(await explained(harness, person), dear.data["redeem_code"])
    assert (refused.decision, refused.rule) == ("purchase_rejected", "purchase.balance_insufficient")
    assert refused.amounts == {"price": 1_500_001, "balance_before": 1_500_000}
    assert refused.facts["previous"] == first.data["redeem_code"]


async def test_late_purchase_names_its_deadline(harness: EnrollmentHarness) -> None:
    person = a_participant_id()
    late = a_purchase(person, purchased_at=ADMITTED_AT + 16 * DAY)
    await harness.receive(a_wave(), an_admission(person), late)
    (undecided,) = about(await explained(harness, person), late.data["redeem_code"])
    assert (undecided.decision, undecided.facts["due_at"]) == ("purchase_undecided", LATER)
    await harness.sweep()
    (refused,) = about(await explained(harness, person), late.data["redeem_code"])
    assert (refused.decision, refused.rule) == ("purchase_rejected", "purchase.first_purchase_late")
    assert refused.facts["buy_by"] == date(2023, 3, 8)


async def test_void_gives_the_price_back_for_what_is_bought_after_it(harness: EnrollmentHarness) -> None:
    person = a_participant_id()
    first, second = _bought(person, 1, 2_000_000), _bought(person, 6, 3_000_000)
    await harness.receive(a_wave(), an_admission(person), first)
    await harness.receive(a_void(first, ADMITTED_AT + 2 * DAY))
    await harness.receive(second)
    found = await explained(harness, person)
    purchase, void = about(found, first.data["redeem_code"])
    assert (purchase.decision, purchase.decided_at) == ("purchase_confirmed", None)
    assert (void.decision, void.rule, void.amounts) == (
        "training_voided",
        "void.price_back",
        {"balance_back": 2_000_000},
    )
    (confirmed,) = about(found, second.data["redeem_code"])
    assert confirmed.amounts["balance_before"] == 3_500_000
    assert members_of(purchase)["decided_at"] == "not recorded"


async def test_decisions_name_the_events_that_carried_them(harness: EnrollmentHarness) -> None:
    person, nik = a_participant_id(), a_nik()
    first, refused = a_purchase(person), a_purchase(person, mode="offline", hours=1)
    await harness.receive(a_wave(), an_admission(person, nik=nik), an_account(person, nik=nik), first, refused)
    await harness.receive(a_block(person, ADMITTED_AT + 6 * DAY), a_void(first, ADMITTED_AT + 2 * DAY))
    found = await explained(harness, person)
    emitted = [name for name, _ in harness.announced]
    prefix = f"enrollment.events/{lane_of(person)}/1/"
    carried = {one.decision: one.carried_by for one in found}
    assert carried == {
        "admitted": f"{prefix}{emitted.index('participant_admitted') + 1}",
        "account_linked": f"{prefix}{emitted.index('account_linked') + 1}",
        "purchase_confirmed": f"{prefix}{emitted.index('enrollment_confirmed') + 1}",
        "purchase_rejected": f"{prefix}{emitted.index('enrollment_rejected') + 1}",
        "training_voided": f"{prefix}{emitted.index('enrollment_voided') + 1}",
        "blocked": f"{prefix}{emitted.index('participant_blocked') + 1}",
    }
    assert len(set(carried.values())) == 6


async def test_decision_of_before_the_numbers_has_no_event(harness: EnrollmentHarness) -> None:
    person = a_participant_id()
    await harness.receive(a_wave(), an_admission(person))
    await harness.connection.execute(
        "alter table admission disable trigger user; update admission set carried_by = null"
    )
    (admitted,) = await explained(harness, person)
    assert admitted.carried_by == "not recorded"


async def test_refused_purchase_counts_what_was_confirmed_before_it(harness: EnrollmentHarness) -> None:
    """A later purchase that was read first left too little for an earlier one."""
    person = a_participant_id()
    late, early = _bought(person, 6, 3_000_000), _bought(person, 1, 1_000_000)
    await harness.receive(a_wave(), an_admission(person), late)
    await harness.receive(early)
    (refused,) = about(await explained(harness, person), early.data["redeem_code"])
    assert (refused.rule, refused.amounts["balance_before"]) == ("purchase.balance_insufficient", 500_000)


async def test_nothing_is_explained_of_a_stranger(harness: EnrollmentHarness) -> None:
    assert await explained(harness, a_participant_id()) == []


def _bought(person: str, day: int, price: int) -> Any:
    money = {"value": price, "currency": "IDR"}
    return a_purchase(person, purchased_at=ADMITTED_AT + day * DAY, price=money)
