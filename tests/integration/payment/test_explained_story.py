"""The whole explanation of a participant whom everything happens to, and the events that it names."""

from datetime import timedelta
from typing import Any

from shared.contracts.topics import lane_of
from shared.messaging.eras import Era, insert_eras
from shared.runtime.explained_participant import explain_participant
from shared.runtime.explanation import NOT_RECORDED, Decision, in_order
from tests.builders import funds
from tests.integration.payment.facts import (
    CODE,
    PARTICIPANT,
    answered,
    blocked,
    completed,
    confirmed,
    erased,
    linked,
    rated,
    unblocked,
    voided,
)
from tests.integration.payment.harness import PaymentHarness

HOUR = timedelta(hours=1)


async def live_through_everything(harness: PaymentHarness) -> None:
    """Hold, cure, pay, reject, return, block, void and erase, an hour apart."""
    lane = lane_of(PARTICIPANT)
    await insert_eras(
        harness.connection, [Era(f"{name}.events", lane, 1, 1, 0) for name in ("enrollment", "completion")]
    )
    await harness.prepare()
    await harness.receive(confirmed(surveys=1), completed(), rated())
    fee = harness.instructions_for("fee")[0].reference
    await harness.report(fee, "accepted")
    harness.now += HOUR
    await harness.report(fee, "settled")
    await harness.receive(linked())
    await harness.report(harness.instructions_for("incentive")[0].reference, "rejected", "AC04")
    harness.now += HOUR
    await harness.receive(linked(day=1, partner="dana"))
    harness.now += 25 * HOUR
    await harness.sweep()
    await harness.report(harness.instructions_for("incentive")[1].reference, "settled")
    harness.now += HOUR
    await harness.receive(answered())
    harness.now += HOUR
    await harness.receive(funds("48", "survey"))
    await harness.sweep()
    await harness.report(harness.instructions_for("survey")[0].reference, "returned", "AC04")
    harness.now += HOUR
    await harness.receive(blocked())
    harness.now += HOUR
    await harness.receive(unblocked())
    harness.now += HOUR
    await harness.receive(voided())
    harness.now += HOUR
    await harness.receive(erased())


async def told(harness: PaymentHarness) -> list[Decision]:
    return in_order(await explain_participant(harness.definition, harness.connection, PARTICIPANT))


async def test_story_is_told_whole(harness: PaymentHarness) -> None:
    await live_through_everything(harness)
    found = await told(harness)
    carried = sorted((one for one in found if one.carried_by), key=lambda one: int(str(one.carried_by).split("/")[3]))
    assert {
        benefit: [one.rule for one in carried if one.about == f"{CODE}/{benefit}"]
        for benefit in ("fee", "incentive_1", "survey_1")
    } == {
        "fee": ["due.completed", "pay.nothing_in_the_way", "report.accepted", "report.settled", "claim.voided"],
        "incentive_1": [
            "due.rated",
            "hold.no_account",
            "pay.nothing_in_the_way",
            "report.rejected.AC04",
            "hold.account_closed",
            "pay.nothing_in_the_way",
            "report.settled",
            "claim.voided",
        ],
        "survey_1": [
            "due.survey_1",
            "hold.no_funds",
            "pay.nothing_in_the_way",
            "report.settled",
            "report.returned.AC04",
            "hold.account_closed",
            "hold.participant_blocked",
            "hold.account_closed",
            "cancel.voided",
        ],
    }
    schemes = {(one.scheme, one.scheme_version) for one in found if one.about is not None}
    assert schemes == {("normal-2023", 1)}
    of_person = [(one.decision, one.rule) for one in found if one.about in (None, CODE)]
    assert of_person == [
        ("account_linked", "account.latest_linked"),
        ("completed", "milestone.first"),
        ("rated", "milestone.first"),
        ("survey_answered", "milestone.first"),
        ("blocked", "block.latest"),
        ("participant_erased", "erasure.for_ever"),
        ("training_voided", "annulment.earns_nothing_more"),
        ("unblocked", "block.latest"),
    ]


async def test_every_event_is_named_once_and_every_decision_has_a_cause(harness: PaymentHarness) -> None:
    await live_through_everything(harness)
    found = await told(harness)
    carried = [one.carried_by for one in found if one.carried_by]
    every = [f"payment.events/{lane_of(PARTICIPANT)}/1/{number}" for number in range(1, len(harness.announced) + 1)]
    assert sorted(carried) == sorted(every)
    assert all(one.caused_by and NOT_RECORDED not in one.caused_by for one in found)


async def test_holds_name_what_caused_and_what_ended_them(harness: PaymentHarness) -> None:
    await live_through_everything(harness)
    found = await told(harness)
    held = [one for one in found if one.decision == "right_held"]
    ends: list[Any] = [one.facts["ended_at"] for one in held]
    assert all(ended_at >= one.at for one, ended_at in zip(held, ends, strict=True))
    by_event: dict[object, Decision] = {one.carried_by: one for one in found}
    ended = {one.rule: by_event[one.facts["ended_by"]].rule for one in held if one.rule != "hold.account_closed"}
    assert ended == {
        "hold.no_account": "pay.nothing_in_the_way",
        "hold.no_funds": "pay.nothing_in_the_way",
        "hold.participant_blocked": "hold.account_closed",
    }
    causes = {one.rule: one.caused_by[-1].partition(" ")[0] for one in held}
    assert causes["hold.participant_blocked"] == f"enrollment.events/{lane_of(PARTICIPANT)}/1/1"
    rejected = next(one for one in found if one.decision == "attempt_rejected")
    assert held[1].caused_by == rejected.caused_by
