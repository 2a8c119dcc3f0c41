"""Explanation of a participant: each decision of payment with amounts and reasons, from stored rows."""

import json
from datetime import timedelta

import pytest

from shared.contracts.topics import lane_of
from shared.messaging.eras import Era, insert_eras
from shared.runtime.explanation import Decision, in_order, members_of
from tests.builders import LATER
from tests.integration.payment.facts import (
    CODE,
    COMPLETED_AT,
    FEE,
    INCENTIVE,
    PARTICIPANT,
    VOIDED_AT,
    a_number,
    blocked,
    completed,
    confirmed,
    erased,
    in_one_lane,
    journey,
    linked,
    unblocked,
    voided,
)
from tests.integration.payment.harness import PaymentHarness


@pytest.fixture
async def instructed(harness: PaymentHarness) -> PaymentHarness:
    await harness.prepare()
    await harness.receive(*journey())
    return harness


async def explained(harness: PaymentHarness, participant: str = PARTICIPANT) -> list[Decision]:
    return in_order(await harness.definition.explain(harness.connection, participant))


def of(decisions: list[Decision], benefit: str) -> list[tuple[str, str]]:
    return [(one.decision, one.rule) for one in decisions if one.about == f"{CODE}/{benefit}"]


async def test_rights_are_explained_from_due_to_settled(instructed: PaymentHarness) -> None:
    await instructed.report(instructed.instructions_for("fee")[0].reference, "settled")
    found = await explained(instructed)
    assert sorted(of(found, "fee")) == [
        ("attempt_instructed", "pay.nothing_in_the_way"),
        ("attempt_settled", "report.settled"),
        ("right_due", "due.completed"),
    ]
    assert of(found, "incentive_1")[0] == ("right_due", "due.rated")
    amounts = {one.about: one.amounts for one in found if one.decision == "right_due"}
    assert amounts == {f"{CODE}/fee": {"amount": FEE}, f"{CODE}/incentive_1": {"amount": INCENTIVE}}
    completed = next(one for one in found if one.decision == "completed")
    assert (completed.at, completed.decided_at) == (COMPLETED_AT, LATER)
    shown = json.dumps([members_of(one) for one in found])
    assert a_number(PARTICIPANT) not in shown
    assert "eyJ" not in shown


async def test_rights_name_the_events_that_caused_and_carried_them(harness: PaymentHarness) -> None:
    lane = lane_of(PARTICIPANT)
    eras = [Era(f"{service}.events", lane, 1, 1, 0) for service in ("enrollment", "completion")]
    await insert_eras(harness.connection, eras)
    await harness.prepare()
    await harness.receive(*journey())
    await harness.report(harness.instructions_for("fee")[0].reference, "settled")
    found = await explained(harness)
    of_fee = {one.decision: one for one in found if one.about == f"{CODE}/fee"}
    due = of_fee["right_due"]
    assert due.caused_by == (f"enrollment.events/{lane}/1/1", f"completion.events/{lane}/1/1")
    named = [(name, data["benefit"]) for name, data in harness.announced]
    reference = harness.instructions_for("fee")[0].reference
    assert of_fee["attempt_settled"].caused_by == (
        f"disbursement-reports.bni disbursement_reported {reference}/settled",
    )
    events = {"right_due": "scheduled", "attempt_instructed": "instructed", "attempt_settled": "settled"}
    for decision, name in events.items():
        assert of_fee[decision].carried_by == f"payment.events/{lane}/1/{named.index((name, 'fee')) + 1}", decision
    incentive = next(one for one in found if one.about == f"{CODE}/incentive_1")
    assert incentive.caused_by == (*due.caused_by, f"completion.events/{lane}/1/1")
    assert next(one for one in found if one.decision == "account_linked").caused_by == due.caused_by[:1]


async def test_holds_that_ended_and_rejections_name_their_events(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(*journey()[1:])
    harness.now += timedelta(hours=1)
    await harness.receive(linked())
    await harness.report(harness.instructions_for("incentive")[0].reference, "rejected", "AC04")
    found = [one for one in await explained(harness) if one.about == f"{CODE}/incentive_1"]
    events = [name for name, data in harness.announced if data["benefit"] == "incentive_1"]
    assert events == ["scheduled", "held", "instructed", "rejected", "held"]
    numbers = [n for n, (_, data) in enumerate(harness.announced, 1) if data["benefit"] == "incentive_1"]
    ids = [f"payment.events/{lane_of(PARTICIPANT)}/1/{number}" for number in numbers]
    decisions = ["right_due", "right_held", "attempt_instructed", "attempt_rejected", "right_held"]
    shown = {(one.decision, one.rule): one.carried_by for one in found}
    assert sorted(one.decision for one in found) == sorted(decisions)
    assert shown["right_held", "hold.no_account"] == ids[1]
    assert shown["attempt_rejected", "report.rejected.AC04"] == ids[3]
    assert shown["right_held", "hold.account_closed"] == ids[4]
    ended = next(one for one in found if one.rule == "hold.no_account").facts
    assert (ended["ended_at"], ended["ended_by"]) == (harness.now, ids[2])
    assert "ended_by" not in next(one for one in found if one.rule == "hold.account_closed").facts
    assert await harness.breaches() == []


async def test_answers_name_their_events_whatever_the_batch_brings_besides(harness: PaymentHarness) -> None:
    people = in_one_lane(4)
    await harness.prepare()
    for number, person in enumerate(people):
        await harness.receive(*journey(person, f"PRAT0AB12CD{number}"))
    first, second, third, fourth = [one.reference for one in harness.instructions_for("incentive")]
    before = len(harness.announced)
    answers = [(first, "accepted"), (second, "settled"), (third, "rejected"), (first, "settled"), (fourth, "accepted")]
    reasons = {"rejected": "AC04"}
    await harness.receive(*(harness.answer(one, status, reasons.get(status)) for one, status in answers))
    await harness.report(fourth, "settled")
    numbers = {(name, data["reference"]): n for n, (name, data) in enumerate(harness.announced, 1) if n > before}
    for person in people:
        for one in await explained(harness, person):
            if one.decision in ("attempt_accepted", "attempt_settled"):
                event = (one.decision.removeprefix("attempt_"), one.facts["reference"])
                assert one.carried_by == f"payment.events/{lane_of(person)}/1/{numbers.pop(event)}"
    assert {name for name, _ in numbers} == {"rejected", "held"}
    assert await harness.connection.fetchval("select count(*) from announced_answer") == 3


async def test_return_tells_of_the_settlement_before_it(instructed: PaymentHarness) -> None:
    reference = instructed.instructions_for("incentive")[0].reference
    await instructed.report(reference, "returned", "AC04")
    found = {one.decision: one for one in await explained(instructed) if one.about == f"{CODE}/incentive_1"}
    named = [(name, data["reference"]) for name, data in instructed.announced]
    for decision in ("settled", "returned"):
        event = f"payment.events/{lane_of(PARTICIPANT)}/1/{named.index((decision, reference)) + 1}"
        assert found[f"attempt_{decision}"].carried_by == event
        assert found[f"attempt_{decision}"].caused_by[0].endswith(f"{reference}/returned")


async def test_hold_names_its_reason_and_rejection_its_code(instructed: PaymentHarness) -> None:
    await instructed.report(instructed.instructions_for("incentive")[0].reference, "rejected", "AC04")
    found = of(await explained(instructed), "incentive_1")
    assert ("attempt_rejected", "report.rejected.AC04") in found
    assert ("right_held", "hold.account_closed") in found


async def test_void_is_explained_with_its_cancellation_and_claim(harness: PaymentHarness) -> None:
    await harness.prepare()
    await harness.receive(*journey()[1:])
    await harness.report(harness.instructions_for("fee")[0].reference, "settled")
    await harness.receive(voided())
    found = await explained(harness)
    assert ("training_voided", "annulment.earns_nothing_more") in [(one.decision, one.rule) for one in found]
    assert ("right_cancelled", "cancel.voided") in of(found, "incentive_1")
    (claim,) = [one for one in found if one.decision == "claim_opened"]
    assert (claim.rule, claim.at, claim.amounts) == ("claim.voided", VOIDED_AT, {"amount": FEE})
    assert claim.facts["debtor"] == "provider"


async def test_forfeit_is_explained_with_the_cut_off(harness: PaymentHarness) -> None:
    cut_off = LATER + timedelta(days=1)
    await harness.receive(*journey(cut_off_at=cut_off))
    harness.now = cut_off
    await harness.sweep()
    found = [one for one in await explained(harness) if one.decision == "right_forfeited"]
    assert [(one.rule, one.facts["cut_off_at"]) for one in found] == [("forfeit.cut_off", cut_off)] * 2


async def test_account_and_blocks_are_explained(harness: PaymentHarness) -> None:
    await harness.receive(linked(), confirmed(), blocked(), unblocked())
    found = [(one.decision, one.rule) for one in await explained(harness)]
    assert found == [
        ("account_linked", "account.latest_linked"),
        ("blocked", "block.latest"),
        ("unblocked", "block.latest"),
    ]


async def test_erasure_is_explained_with_what_it_cancelled(harness: PaymentHarness) -> None:
    await harness.receive(confirmed(), completed(), erased())
    found = await explained(harness)
    assert ("participant_erased", "erasure.for_ever") in [(one.decision, one.rule) for one in found]
    assert ("right_cancelled", "cancel.erased") in of(found, "fee")


async def test_approval_and_confirmation_name_both_persons(instructed: PaymentHarness) -> None:
    reference = instructed.instructions_for("incentive")[0].reference
    await instructed.report(reference, "rejected", "AM05")
    await instructed.confirm(reference, "Ani", "Budi")
    found = await explained(instructed)
    (confirmation,) = [one for one in found if one.decision == "payment_confirmed"]
    assert confirmation.facts == {"reference": reference, "who": "Ani", "second": "Budi"}
    (settled,) = [one for one in found if one.decision == "attempt_settled"]
    named = [(name, data["reference"]) for name, data in instructed.announced]
    assert (settled.rule, settled.caused_by) == ("confirmation.by_two", ())
    assert str(settled.carried_by).endswith(f"/{named.index(('settled', reference)) + 1}")
