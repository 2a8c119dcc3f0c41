"""Explanation of a participant: each decision of completion with what it rests on, from stored rows."""

import pytest

from services.completion.explanation import explain
from shared.contracts.topics import lane_of
from shared.messaging.eras import Era, insert_eras
from shared.runtime.explanation import Decision, in_order
from tests.integration.completion.harness import (
    CompletionHarness,
    all_evidence,
    answered,
    attended,
    confirmed,
    rated,
    rejected,
    revoked,
    voided,
)
from tests.unit.completion.facts import CODE, DAY, PARTICIPANT, SEEN


async def explained(harness: CompletionHarness) -> list[Decision]:
    return in_order(await explain(harness.connection, PARTICIPANT))


def one(decisions: list[Decision], name: str) -> Decision:
    (found,) = [decision for decision in decisions if decision.decision == name]
    return found


async def test_completion_is_explained_by_its_evidence(harness: CompletionHarness) -> None:
    evidence, rating, answer = all_evidence(), rated(), answered()
    await harness.receive(confirmed(), *evidence, rating, answer)
    found = await explained(harness)
    assert [decision.at for decision in found] == sorted(decision.at for decision in found)
    assert {decision.rule for decision in found} == {
        "enrollment.first", "evidence.first", "rating.first", "completion.all_demanded", "survey.first",
    }  # fmt: skip
    completion = one(found, "completion_confirmed")
    assert completion.caused_by == ("not recorded", *(f"{sent.source} {sent.id}" for sent in evidence))
    assert completion.facts["digest"] == dict(harness.announced)["completion_confirmed"]["digest"]
    assert (completion.about, completion.scheme, completion.scheme_version) == (CODE, "normal-2023", 1)
    assert one(found, "training_rated").caused_by == (f"{rating.source} {rating.id}",)
    assert one(found, "survey_answered").facts == {"survey": 1}
    terms = one(found, "enrollment_confirmed")
    assert (terms.facts["sessions"], terms.facts["post_test"]) == ("2 of 2", "passed")


async def test_decisions_name_the_events_that_caused_and_carried_them(harness: CompletionHarness) -> None:
    first, *others = all_evidence()
    lane = lane_of(PARTICIPANT)
    await insert_eras(harness.connection, [Era("enrollment.events", lane, 1, 1, 0)])
    await harness.receive(confirmed(), first, *others, rated(), answered())
    await harness.receive(revoked(first))
    found = await explained(harness)
    confirmation = (f"enrollment.events/{lane}/1/1",)
    assert one(found, "enrollment_confirmed").caused_by == confirmation
    assert one(found, "completion_confirmed").caused_by[:1] == confirmation
    events = harness.event_names()
    for decision in ("completion_confirmed", "training_rated", "survey_answered", "completion_revoked"):
        number = events.index(decision) + 1
        assert one(found, decision).carried_by == f"completion.events/{lane}/1/{number}", decision


async def test_rejection_and_void_name_their_events(harness: CompletionHarness) -> None:
    lane = lane_of(PARTICIPANT)
    await insert_eras(harness.connection, [Era("enrollment.events", lane, 1, 1, 0)])
    await harness.receive(confirmed("PRAT00000001"), confirmed("PRAT00000002"), voided("PRAT00000002"))
    harness.now += 90 * DAY
    await harness.sweep()
    found = await explained(harness)
    assert one(found, "completion_rejected").carried_by == f"completion.events/{lane}/1/1"
    assert one(found, "enrollment_voided").caused_by == (f"enrollment.events/{lane}/1/1",)


async def test_rejection_names_what_was_missing(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), attended(2))
    harness.now += 90 * DAY
    await harness.sweep()
    refused = one(await explained(harness), "completion_rejected")
    assert refused.rule == "completion.not_completed_in_time"
    assert refused.facts["missing"] == ["session_attended/1", "post_test_taken", "work_graded"]
    assert refused.decided_at == harness.now


async def test_spares_say_why_they_do_not_count(harness: CompletionHarness) -> None:
    first, *others = all_evidence()
    again = first.but(id=f"{first.id}-again")
    await harness.receive(confirmed(), first, again, *others)
    late = first.but(id=f"{first.id}-late")
    harness.now = SEEN + DAY
    await harness.receive(late)
    spares = {
        decision.caused_by[0]: decision.rule for decision in await explained(harness) if "spare" in decision.decision
    }
    assert spares == {
        f"{again.source} {again.id}": "evidence.repeat",
        f"{late.source} {late.id}": "evidence.after_decision",
    }


async def test_revoked_completion_names_the_revocation_and_what_is_missing(harness: CompletionHarness) -> None:
    first, *others = all_evidence()
    await harness.receive(confirmed(), first, *others)
    await harness.receive(revoked(first))
    found = await explained(harness)
    assert one(found, "completion_confirmed").rule == "completion.all_demanded"
    ended = one(found, "completion_revoked")
    assert (ended.rule, ended.facts["missing"]) == ("revocation.too_little_left", ["session_attended/1"])
    event = f"training.attendance evidence_revoked {first.source} {first.id}"
    assert ended.caused_by == (event, f"{first.source} {first.id}")
    noted = one(found, "evidence_revoked")
    assert (noted.facts["reason"], noted.caused_by) == ("face_fraud", (event,))


@pytest.mark.parametrize("replaced_first", [True, False])
async def test_order_of_revocation_and_replacement_is_on_record(
    harness: CompletionHarness, replaced_first: bool
) -> None:
    first, *others = all_evidence()
    replacement = first.but(id=f"{first.id}-again")
    await harness.receive(confirmed(), first, *others)
    for event in (replacement, revoked(first)) if replaced_first else (revoked(first), replacement):
        harness.now += DAY
        await harness.receive(event)
    found = await explained(harness)
    seen = {
        decision.rule: decision.decided_at or SEEN for decision in found if decision.rule.startswith(("evid", "revo"))
    }
    assert ("completion_revoked" in {decision.decision for decision in found}) is not replaced_first
    if replaced_first:
        assert seen["evidence.after_decision"] == seen["revocation.noted"] - DAY
    else:
        assert one(found, "completion_revoked").facts["missing"] == ["session_attended/1"]
        assert seen["evidence.after_revocation"] == seen["revocation.too_little_left"] + DAY


async def test_void_and_rejected_enrollment_are_explained(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), voided(), rejected("PRAT00000009"))
    rules = [(decision.decision, decision.rule) for decision in await explained(harness)]
    assert sorted(rules) == [
        ("enrollment_confirmed", "enrollment.first"),
        ("enrollment_rejected", "enrollment.first"),
        ("enrollment_voided", "void.never_completed"),
    ]


async def test_revoked_evidence_is_a_spare_that_was_revoked(harness: CompletionHarness) -> None:
    first = attended(1)
    await harness.receive(confirmed(), first)
    await harness.receive(revoked(first))
    assert one(await explained(harness), "evidence_spare").rule == "evidence.revoked"
