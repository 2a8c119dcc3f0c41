"""The whole explanation of a participant whom everything happens to, and the events that it names."""

import json
from datetime import timedelta

from services.enrollment.handlers.erasures import erase_participant
from shared.contracts.topics import lane_of
from shared.messaging.engine.operator import Operator
from shared.runtime.explained_participant import explain_participant
from shared.runtime.explanation import Decision, in_order, members_of
from tests.builders import (
    ADMITTED_AT,
    a_block,
    a_nik,
    a_participant_id,
    a_purchase,
    a_void,
    a_wave,
    an_account,
    an_admission,
    an_erasure,
    an_unblock,
    chain_key,
)
from tests.integration.enrollment.harness import NORMAL, EnrollmentHarness, completed, rated, revoked, vault

DAY = timedelta(days=1)
NIK = a_nik()


async def live_through_everything(harness: EnrollmentHarness, person: str) -> None:
    """Admit, buy, refuse, block, void, revoke, forfeit and erase."""
    bought = {
        name: a_purchase(person, redeem_code=f"PRAT000000{name}", purchased_at=ADMITTED_AT + day * DAY)
        for name, day in (("AA", 1), ("BB", 2), ("CC", 5), ("DD", 7), ("EE", 9))
    }
    await harness.receive(
        a_wave(), an_admission(person, nik=NIK), an_account(person, nik=NIK, number="0812777"), bought["AA"]
    )
    await harness.receive(bought["AA"].with_data(hours=99))
    await harness.receive(a_void(bought["AA"], ADMITTED_AT + DAY + DAY / 2))
    await harness.receive(bought["BB"])
    await harness.receive(completed(person, "PRAT000000BB", ADMITTED_AT + 3 * DAY))
    await harness.receive(rated(person, "PRAT000000BB", ADMITTED_AT + 4 * DAY))
    await harness.receive(
        a_block(person, ADMITTED_AT + 4.5 * DAY), bought["CC"], an_unblock(person, ADMITTED_AT + 6 * DAY)
    )
    await harness.receive(revoked(person, "PRAT000000BB", ADMITTED_AT + 8 * DAY))
    await harness.receive(bought["DD"], bought["EE"])
    harness.now += 400 * DAY
    await harness.sweep()
    await harness.receive(an_erasure(person, ADMITTED_AT + 400 * DAY))


async def told(harness: EnrollmentHarness, person: str) -> list[Decision]:
    return in_order(await explain_participant(harness.definition, harness.connection, person))


async def test_story_is_told_whole_in_order_of_time(harness: EnrollmentHarness) -> None:
    person = a_participant_id()
    await live_through_everything(harness, person)
    assert [(one.about, one.decision, one.rule) for one in await told(harness, person)] == [
        ("48", "admitted", "admission.admitted"),
        (None, "account_linked", "account.latest_linked"),
        ("PRAT000000AA", "purchase_confirmed", "purchase.confirmed"),
        ("PRAT000000AA", "training_voided", "void.price_back"),
        ("PRAT000000BB", "purchase_confirmed", "purchase.confirmed"),
        ("PRAT000000BB", "completed", "milestone.first"),
        ("PRAT000000BB", "rated", "milestone.first"),
        (None, "blocked", "block.latest"),
        ("PRAT000000CC", "purchase_rejected", "purchase.participant_blocked"),
        (None, "unblocked", "block.latest"),
        ("PRAT000000DD", "purchase_confirmed", "purchase.confirmed"),
        ("PRAT000000BB", "completion_revoked", "milestone.first"),
        ("PRAT000000EE", "purchase_rejected", "purchase.balance_insufficient"),
        (None, "record_parked", "park.conflict"),
        ("48", "balance_forfeited", "forfeit.cut_off"),
        (None, "participant_erased", "erasure.for_ever"),
    ]


async def test_every_event_of_the_story_is_named_and_nothing_personal(harness: EnrollmentHarness) -> None:
    person = a_participant_id()
    await live_through_everything(harness, person)
    found = await told(harness, person)
    carried = [one.carried_by for one in found if one.carried_by and one.decision != "record_parked"]
    every = [f"enrollment.events/{lane_of(person)}/1/{number}" for number in range(1, len(harness.announced) + 1)]
    assert sorted(carried) == sorted(every)
    uncaused = [one.decision for one in found if not one.caused_by]
    assert uncaused == ["balance_forfeited"]
    decided = [one for one in found if one.rule.startswith(("admission", "purchase"))]
    assert {(one.scheme, one.scheme_version) for one in decided} == {("normal-2023", NORMAL.version)}
    amounts = {one.about: one.amounts for one in found if one.decision == "purchase_confirmed"}
    assert amounts["PRAT000000DD"] == {"price": 1_500_000, "balance_before": 2_000_000, "balance_after": 500_000}
    shown = json.dumps([members_of(one) for one in found], default=str)
    assert not any(secret in shown for secret in (NIK, "0812777", "eyJ"))


async def test_erasure_by_an_operator_names_the_person_and_no_event(harness: EnrollmentHarness) -> None:
    person = a_participant_id()
    await harness.receive(a_wave(), an_admission(person))
    operator = Operator("Ani", "asked by letter", harness.now, chain_key("enrollment"))
    connection, terms = (
        harness.session.connection,
        harness.definition.transaction_terms(vault(), chain_key("enrollment")),
    )
    async with connection.transaction():
        await erase_participant(terms, person, connection, operator)
    erased = (await told(harness, person))[-1]
    assert (erased.decision, erased.facts["who"], erased.caused_by) == ("participant_erased", "Ani", ())


async def test_record_that_waits_is_explained_until_its_cause_comes(harness: EnrollmentHarness) -> None:
    person = a_participant_id()
    early = an_account(person, nik=NIK)
    await harness.receive(early)
    (waits,) = await told(harness, person)
    assert (waits.decision, waits.rule, waits.facts["key"]) == ("record_deferred", "wait.participant", person)
    assert waits.caused_by == (f"{early.source} {early.id}",)
