"""Reopening: a training that was not completed in time completes by evidence that came after that, by two persons."""

import json
from typing import Any, cast

import asyncpg
import pytest

from services.completion.explanation import explain
from services.completion.ops import audit_trail, gauges
from shared.contracts.completion import COMPLETION_CONFIRMED, COMPLETION_REJECTED, COMPLETION_REVOKED
from shared.errors import Refused
from shared.times import write_time
from tests.integration.completion.harness import (
    CompletionHarness,
    Sent,
    all_evidence,
    confirmed,
    examined,
    rated,
    revoked,
    voided,
)
from tests.unit.completion.facts import CODE, DAY, LAST_END, PARTICIPANT

FIRST, SECOND, TEST, WORK = all_evidence()
COMPLETED = f"{CODE} was completed on 2023-03-02T06:00:00Z by 4 pieces of evidence"


@pytest.fixture
async def rejected(harness: CompletionHarness) -> CompletionHarness:
    """Reject a training that has a session and the test alone; it is 60 days later."""
    await harness.receive(confirmed(), FIRST, TEST)
    harness.now += 60 * DAY
    await harness.sweep()
    assert harness.event_names() == ["completion_rejected"]
    return harness


async def trail(harness: CompletionHarness) -> dict[str, Any]:
    found = await audit_trail(harness.connection, PARTICIPANT)
    assert found is not None
    return cast("list[dict[str, Any]]", found["enrollments"])[0]


async def test_late_evidence_changes_nothing_until_two_persons_reopen(rejected: CompletionHarness) -> None:
    await rejected.receive(SECOND, WORK)
    assert (rejected.event_names(), await rejected.state()) == (["completion_rejected"], "not_completed")

    (told,) = await rejected.reopen("Ani")
    assert told == f"{COMPLETED}: Ani has consented; a second person must"
    assert (rejected.event_names(), await rejected.state()) == (["completion_rejected"], "not_completed")

    (told,) = await rejected.reopen("Budi")
    assert told == f"{COMPLETED}: it is completed now"
    name, data = rejected.announced[-1]
    assert (name, data["completed_at"]) == ("completion_confirmed", "2023-03-02T06:00:00Z")
    assert data["reopened_at"] == write_time(rejected.now)
    assert [fact["id"] for fact in data["evidence"]] == [FIRST.id, SECOND.id, TEST.id, WORK.id]
    assert (await rejected.state(), await rejected.rows("spare"), await rejected.breaches()) == ("completed", 0, [])


async def test_one_person_twice_reopens_nothing(rejected: CompletionHarness) -> None:
    await rejected.receive(SECOND, WORK)
    await rejected.reopen("Ani")
    with pytest.raises(Refused, match="two different persons"):
        await rejected.reopen("ani ")
    assert await rejected.state() == "not_completed"


async def test_consent_holds_for_the_same_evidence_alone(rejected: CompletionHarness) -> None:
    again = SECOND.but(id="again")
    await rejected.receive(SECOND, WORK)
    await rejected.reopen("Ani")
    await rejected.receive(again, revoked(SECOND))
    assert "a second person must" in (await rejected.reopen("Budi"))[0]
    assert "completed now" in (await rejected.reopen("Ani"))[0]
    assert rejected.announced[-1][1]["evidence"][1]["id"] == "again"
    assert await rejected.breaches() == []


async def test_reopening_is_refused_with_what_is_missing(rejected: CompletionHarness) -> None:
    await rejected.receive(SECOND)
    with pytest.raises(Refused, match=f"{CODE} cannot be completed; work_graded is missing"):
        await rejected.reopen("Ani")
    await rejected.receive(revoked(SECOND), WORK)
    with pytest.raises(Refused, match="session_attended/2 is missing"):
        await rejected.reopen("Ani")


async def test_only_what_was_not_completed_in_time_is_reopened(harness: CompletionHarness) -> None:
    codes = {"open": "PRAT00000001", "completed": "PRAT00000002", "voided": "PRAT00000003"}
    await harness.receive(*(confirmed(code) for code in codes.values()))
    await harness.receive(*all_evidence(codes["completed"]), voided(codes["voided"]))
    for state, code in codes.items():
        with pytest.raises(Refused, match=f"{code} is {state}"):
            await harness.reopen("Ani", code=code)
    with pytest.raises(Refused, match="is not known here"):
        await harness.reopen("Ani")


async def test_reopened_training_is_completed_for_good(rejected: CompletionHarness) -> None:
    await rejected.receive(SECOND, WORK)
    await rejected.reopen()
    with pytest.raises(Refused, match="is completed"):
        await rejected.reopen("Ani")
    await rejected.receive(SECOND.but(id="again"), voided(), confirmed())
    await rejected.sweep()
    assert rejected.event_names() == ["completion_rejected", "completion_confirmed"]
    assert (await rejected.state(), await rejected.parked(), await rejected.breaches()) == ("completed", [], [])
    assert {gauge.labels["state"]: gauge.value for gauge in await gauges(rejected.connection)} == {
        **dict.fromkeys(("open", "not_completed", "rejected", "voided", "revoked"), 0),
        "completed": 1,
    }


async def test_revocation_ends_a_reopened_completion(rejected: CompletionHarness) -> None:
    await rejected.receive(SECOND, WORK)
    await rejected.reopen()
    await rejected.receive(revoked(SECOND))
    assert rejected.event_names() == ["completion_rejected", "completion_confirmed", "completion_revoked"]
    assert (await rejected.state(), await rejected.breaches()) == ("revoked", [])


async def test_rating_counts_after_the_rejection(rejected: CompletionHarness) -> None:
    await rejected.receive(rated())
    assert rejected.event_names() == ["completion_rejected", "training_rated"]
    await rejected.receive(SECOND, WORK, rated())
    await rejected.reopen()
    assert rejected.event_names() == ["completion_rejected", "training_rated", "completion_confirmed"]
    assert await rejected.breaches() == []


async def test_audit_trail_shows_late_evidence_and_the_reopening(rejected: CompletionHarness) -> None:
    await rejected.receive(WORK)
    found = (await trail(rejected))["if_reopened"]
    assert ([fact["id"] for fact in found.pop("late_evidence")], found) == (
        [WORK.id],
        {"missing": ["session_attended/2"], "completed_at": None},
    )
    await rejected.receive(SECOND)
    found = (await trail(rejected))["if_reopened"]
    assert (found["missing"], found["completed_at"]) == ([], "2023-03-02T06:00:00Z")
    await rejected.reopen()
    found = await trail(rejected)
    assert (found["state"], found["reopened_at"], found.get("if_reopened")) == (
        "completed",
        "2023-05-09T00:00:00Z",
        None,
    )
    assert {fact["id"] for fact in found["rests_on"]} == {FIRST.id, SECOND.id, TEST.id, WORK.id}


async def test_explanation_has_the_rejection_and_the_reopening(rejected: CompletionHarness) -> None:
    rejected.now += DAY
    await rejected.receive(SECOND, WORK)
    await rejected.reopen()
    before, after = [one for one in await explain(rejected.connection, PARTICIPANT) if one.decision.startswith("comp")]
    assert (before.rule, before.facts["missing"]) == (
        "completion.not_completed_in_time",
        ["session_attended/2", "work_graded"],
    )
    assert (after.rule, after.facts["evidence_count"]) == ("completion.reopened", 4)


async def test_reopening_without_two_persons_is_found(rejected: CompletionHarness) -> None:
    await rejected.receive(SECOND, WORK)
    await rejected.reopen("Ani")
    await rejected.connection.execute(
        "update enrollment set state = 'completed', reopened_at = now(), completed_at = now(), digest = 'd'"
    )
    assert f"{CODE} was reopened, and not by two persons" in await rejected.breaches()


async def test_evidence_of_a_reopened_completion_is_kept(rejected: CompletionHarness) -> None:
    await rejected.receive(SECOND, WORK)
    await rejected.reopen()
    for change in ("delete from evidence", "update enrollment set reopened_at = now()"):
        with pytest.raises(asyncpg.RestrictViolationError):
            await rejected.connection.execute(change)


def announced(harness: CompletionHarness) -> list[tuple[str, bytes]]:
    names = {
        event.name.split(".")[2]: event.name
        for event in (COMPLETION_CONFIRMED, COMPLETION_REJECTED, COMPLETION_REVOKED)
    }
    return [(names[name], json.dumps(data).encode()) for name, data in harness.announced]


async def test_restore_from_before_the_rejection_keeps_the_reopening(rejected: CompletionHarness) -> None:
    await rejected.receive(SECOND, WORK)
    await rejected.reopen()
    tail = announced(rejected)
    await rejected.reset()
    await rejected.adopt(*reversed(tail))

    await rejected.receive(confirmed(), FIRST, TEST)
    rejected.now += 60 * DAY
    await rejected.sweep()
    await rejected.receive(SECOND, WORK)
    assert (rejected.announced, await rejected.state(), await rejected.breaches()) == ([], "completed", [])


async def test_restore_from_before_the_reopening_takes_it_over_at_once(rejected: CompletionHarness) -> None:
    await rejected.receive(SECOND, WORK)
    await rejected.reopen()
    tail = announced(rejected)[1:]
    await rejected.reset()
    await rejected.receive(confirmed(), FIRST, TEST)
    rejected.now += 60 * DAY
    await rejected.sweep()
    rejected.announced.clear()

    await rejected.adopt(*tail)
    assert (await rejected.state(), await rejected.breaches()) == ("completed", [])
    await rejected.receive(SECOND, WORK)
    assert (rejected.announced, await rejected.state(), await rejected.breaches()) == ([], "completed", [])


async def test_adopted_reopening_stands_while_what_it_rests_on_is_unread(rejected: CompletionHarness) -> None:
    """Read again, a revocation comes before the evidence that had replaced what it ends."""
    again = FIRST.but(id="again")
    await rejected.receive(revoked(FIRST), again, SECOND, WORK)
    await rejected.reopen()
    tail = announced(rejected)
    await rejected.reset()
    await rejected.adopt(*tail)

    await rejected.receive(confirmed(), FIRST, TEST, SECOND, WORK)
    await rejected.receive(revoked(FIRST))
    assert (rejected.announced, await rejected.state()) == ([], "completed")
    await rejected.receive(again)
    await rejected.receive(revoked(again))
    assert (rejected.event_names(), await rejected.state()) == (["completion_revoked"], "revoked")


async def test_lane_that_is_catching_up_reopens_nothing(rejected: CompletionHarness) -> None:
    await rejected.receive(SECOND, WORK)
    await rejected.connection.execute("update lane set catching_up_since = now()")
    with pytest.raises(Refused, match="is catching up after a restore"):
        await rejected.reopen("Ani")


async def test_retakes_of_after_the_rejection_complete_as_well(rejected: CompletionHarness) -> None:
    retake: Sent = examined(at=LAST_END - DAY)
    await rejected.receive(SECOND, WORK, retake, revoked(TEST))
    await rejected.reopen()
    assert rejected.announced[-1][1]["evidence"][2]["id"] == retake.id
    assert await rejected.breaches() == []


async def test_training_voided_after_its_rejection_is_not_reopened(rejected: CompletionHarness) -> None:
    await rejected.receive(voided(), SECOND, WORK)
    with pytest.raises(Refused, match=f"{CODE} was voided"):
        await rejected.reopen()
    assert (rejected.event_names(), await rejected.state()) == (["completion_rejected"], "not_completed")
    assert "if_reopened" not in await trail(rejected)
    with pytest.raises(asyncpg.RestrictViolationError):
        await rejected.connection.execute(
            "update enrollment set state = 'completed', reopened_at = now(), completed_at = now(), digest = 'x'"
        )
    assert await rejected.breaches() == []
