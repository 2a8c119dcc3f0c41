"""The whole explanation of a participant whom everything happens to, and the events that it names."""

from shared.contracts.topics import lane_of
from shared.messaging.eras import Era, insert_eras
from shared.runtime.explained_participant import explain_participant
from shared.runtime.explanation import NOT_RECORDED, Decision, in_order
from tests.integration.completion.harness import (
    DEFINITION,
    CompletionHarness,
    all_evidence,
    answered,
    confirmed,
    graded,
    rated,
    rejected,
    revoked,
    voided,
)
from tests.unit.completion.facts import DAY, PARTICIPANT


async def live_through_everything(harness: CompletionHarness) -> None:
    """Complete, revoke, void, refuse, miss, reopen, rate and answer."""
    lane = lane_of(PARTICIPANT)
    await insert_eras(harness.connection, [Era("enrollment.events", lane, 1, 1, 0)])
    await harness.receive(confirmed("PRAT000000AA"), *all_evidence("PRAT000000AA"), rated(code="PRAT000000AA"))
    await harness.receive(answered(code="PRAT000000AA"), graded(code="PRAT000000AA", provider_id="LP0009"))
    await harness.receive(confirmed("PRAT000000BB"), voided("PRAT000000BB"), rejected("PRAT000000CC"))
    first, *others = all_evidence("PRAT000000DD")
    await harness.receive(confirmed("PRAT000000DD"), first, *others)
    await harness.receive(revoked(first))
    await harness.receive(confirmed("PRAT000000EE"), *all_evidence("PRAT000000EE")[:3])
    harness.now += 90 * DAY
    await harness.sweep()
    harness.now += DAY
    await harness.receive(graded(code="PRAT000000EE"))
    await harness.reopen(code="PRAT000000EE")


async def told(harness: CompletionHarness) -> list[Decision]:
    return in_order(await explain_participant(DEFINITION, harness.connection, PARTICIPANT))


async def test_story_is_told_whole(harness: CompletionHarness) -> None:
    await live_through_everything(harness)
    found = await told(harness)
    told_of = {
        code: [one.rule for one in found if one.about == f"PRAT000000{code}" and one.rule != "evidence.first"]
        for code in ("AA", "BB", "CC", "DD", "EE")
    }
    assert told_of == {
        "AA": ["completion.all_demanded", "rating.first", "survey.first", "enrollment.first"],
        "BB": ["enrollment.first", "void.never_completed"],
        "CC": ["enrollment.first"],
        "DD": [
            "completion.all_demanded",
            "revocation.too_little_left",
            "revocation.too_little_left",
            "enrollment.first",
        ],
        "EE": ["completion.reopened", "enrollment.first", "completion.not_completed_in_time"],
    }
    accepted = [str(one.about) for one in found if one.rule == "evidence.first"]
    assert sorted(accepted) == [f"PRAT000000{code}" for code in ("AA", "DD", "EE") for _ in range(4)]
    assert [one.rule for one in found if one.about is None] == ["park.not_yours"]
    reopened = next(one for one in found if one.rule == "completion.reopened")
    assert (reopened.facts["first"], reopened.facts["second"]) == ("Ani", "Budi")


async def test_every_event_is_named_and_every_decision_has_a_cause(harness: CompletionHarness) -> None:
    await live_through_everything(harness)
    found = await told(harness)
    numbers = [str(one.carried_by).rpartition("/")[2] for one in found if one.carried_by and one.about]
    assert sorted(map(int, numbers)) == list(range(1, len(harness.announced) + 1))
    assert all(one.caused_by and NOT_RECORDED not in one.caused_by for one in found)
    decided = [one for one in found if one.rule.startswith("completion.")]
    assert {(one.scheme, one.scheme_version) for one in decided} == {("normal-2023", 1)}
