"""Revoked evidence: before the decision it does not count, after it perhaps ends the completion."""

import json
from typing import Any, cast

import asyncpg
import pytest

from services.completion.ops import audit_trail
from shared.contracts.completion import COMPLETION_CONFIRMED, COMPLETION_REVOKED
from shared.contracts.topics import TRAINING_ATTENDANCE, TRAINING_EVIDENCE
from tests.integration.completion.harness import (
    CompletionHarness,
    Sent,
    all_evidence,
    attended,
    confirmed,
    examined,
    graded,
    rated,
    rejected,
    revoked,
    voided,
)
from tests.unit.completion.facts import CODE, DAY, HOUR, LAST_END, PARTICIPANT


def another(event: Sent) -> Sent:
    """Return an event of the same business key."""
    return event.but(id=f"{event.id}-again")


async def test_revoked_evidence_does_not_complete_a_training(harness: CompletionHarness) -> None:
    first, *others = all_evidence()
    await harness.receive(confirmed(), first, revoked(first), revoked(first), *others, at_once=False)
    assert (harness.announced, await harness.state(), await harness.breaches()) == ([], "open", [])

    harness.now += 90 * DAY
    await harness.sweep()
    assert harness.announced[0][1]["missing"] == ["session_attended/1"]
    assert await harness.parked() == []


async def test_revocation_ends_evidence_that_comes_later(harness: CompletionHarness) -> None:
    first, *others = all_evidence()
    await harness.receive(confirmed(), revoked(first), first, *others, first, at_once=False)
    assert (harness.announced, await harness.rows("evidence"), await harness.rows("spare")) == ([], 3, 1)

    await harness.receive(another(first))
    assert (harness.event_names(), await harness.breaches()) == (["completion_confirmed"], [])


async def test_revocation_counts_before_the_evidence_of_its_batch(harness: CompletionHarness) -> None:
    evidence = all_evidence()
    await harness.receive(*evidence, revoked(evidence[0]), confirmed())
    assert (harness.announced, await harness.breaches()) == ([], [])


async def test_spare_counts_in_the_place_of_revoked_evidence(harness: CompletionHarness) -> None:
    first, *others = all_evidence()
    last = others.pop()
    spares = [another(first), another(another(first))]
    await harness.receive(confirmed(), first, *spares, *others)
    await harness.receive(revoked(spares[0]), revoked(first))
    assert (harness.announced, await harness.rows("spare"), await harness.breaches()) == ([], 2, [])

    await harness.receive(last)
    assert harness.announced[0][1]["evidence"][0]["id"] == spares[1].id


@pytest.mark.parametrize("at_once", [True, False])
async def test_spare_that_comes_before_the_revocation_keeps_a_completion(
    harness: CompletionHarness, at_once: bool
) -> None:
    first, *others = all_evidence()
    await harness.receive(confirmed(), first, *others)
    await harness.receive(another(first), revoked(first), at_once=at_once)
    assert (harness.event_names(), await harness.breaches()) == (["completion_confirmed"], [])


async def test_same_event_again_is_no_spare(harness: CompletionHarness) -> None:
    evidence = all_evidence()
    await harness.receive(confirmed(), *evidence, *evidence, another(evidence[0]), another(evidence[0]))
    await harness.receive(*evidence, another(evidence[0]))
    assert (await harness.rows("evidence"), await harness.rows("spare")) == (4, 1)


async def test_revocation_leaves_too_little_for_a_completion_and_ends_it(harness: CompletionHarness) -> None:
    first, *others = all_evidence()
    await harness.receive(confirmed(), first, *others)
    digest = harness.announced[0][1]["digest"]
    await harness.receive(revoked(first).but(trace="00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"))

    assert harness.announced[1:] == [
        (
            "completion_revoked",
            {
                "participant_id": PARTICIPANT,
                "redeem_code": CODE,
                "reason": "face_fraud",
                "evidence": {"source": first.source, "id": first.id},
                "digest": digest,
                "revoked_at": "2023-03-09T23:00:00Z",
            },
        )
    ]
    assert harness.pages[-1].events[0].headers["traceparent"].startswith("00-0123456789abcdef")
    assert (await harness.state(), await harness.breaches()) == ("revoked", [])


async def test_revoked_completion_is_final(harness: CompletionHarness) -> None:
    evidence = all_evidence()
    await harness.receive(confirmed(), *evidence)
    await harness.receive(revoked(evidence[0]), revoked(evidence[1]))
    await harness.receive(revoked(evidence[2]), *map(another, evidence), rated(), voided(), confirmed())
    harness.now += 90 * DAY
    await harness.sweep()

    assert harness.event_names() == ["completion_confirmed", "completion_revoked"]
    assert (await harness.state(), await harness.parked(), await harness.breaches()) == ("revoked", [], [])
    with pytest.raises(asyncpg.RestrictViolationError):
        await harness.connection.execute("update enrollment set state = 'completed'")


async def test_completion_stands_as_long_as_enough_is_left(harness: CompletionHarness) -> None:
    first, second, test, work = all_evidence()
    retake = examined(at=LAST_END + HOUR)
    await harness.receive(confirmed(), first, another(first), second, test, work)
    await harness.receive(retake, another(work))
    await harness.receive(revoked(first), revoked(test), revoked(work), at_once=False)
    assert (await harness.state(), harness.event_names()) == ("completed", ["completion_confirmed"])
    assert (await harness.rows("revocation"), await harness.breaches()) == (3, [])

    await harness.receive(revoked(retake))
    assert (await harness.state(), harness.announced[1][1]["evidence"]["id"]) == ("revoked", retake.id)


async def test_revocation_of_what_a_completion_does_not_rest_on_changes_nothing(harness: CompletionHarness) -> None:
    evidence = all_evidence()
    retake, failed = examined(at=LAST_END + HOUR), examined(passed=False, at=LAST_END - HOUR)
    await harness.receive(confirmed(), *evidence, retake, failed)
    await harness.receive(revoked(retake), revoked(failed), revoked(attended(1)))
    assert (await harness.state(), harness.event_names()) == ("completed", ["completion_confirmed"])
    assert await harness.breaches() == []


async def test_revocation_counts_for_the_evidence_of_its_topic_alone(harness: CompletionHarness) -> None:
    first, *others, work = all_evidence()
    await harness.receive(
        confirmed(),
        revoked(first, topic=TRAINING_EVIDENCE),
        revoked(work, topic=TRAINING_ATTENDANCE),
        first,
        *others,
        work,
    )
    assert (harness.event_names(), await harness.breaches()) == (["completion_confirmed"], [])


async def test_attendance_is_revoked_by_its_own_sources_alone(harness: CompletionHarness) -> None:
    evidence = all_evidence()
    revocation = revoked(evidence[0])
    await harness.receive(confirmed(), *evidence)
    await harness.receive(revocation.but(source="/providers/lp0001"), revocation.with_data(participant_id="4" * 16))
    assert await harness.parked() == [("not_yours", "ce_source"), ("not_yours", "/participant_id")]
    assert (await harness.state(), await harness.rows("revocation")) == ("completed", 0)


async def test_revocation_waits_for_its_enrollment(harness: CompletionHarness) -> None:
    evidence = all_evidence()
    await harness.receive(revoked(evidence[0]), *evidence)
    await harness.receive(confirmed())
    assert (harness.announced, await harness.rows("waiting"), await harness.breaches()) == ([], 0, [])


@pytest.mark.parametrize("end", [rejected(), voided()], ids=["rejected", "voided"])
async def test_revocation_for_what_never_completes_changes_nothing(harness: CompletionHarness, end: Sent) -> None:
    first = attended(1)
    await harness.receive(*((end,) if "rejected" in end.type else (confirmed(), first)))
    await harness.receive(end, revoked(first))
    assert (harness.announced, await harness.parked(), await harness.breaches()) == ([], [], [])


async def test_rating_that_was_announced_cannot_be_revoked(harness: CompletionHarness) -> None:
    early, late = rated(), rated(stars=1)
    await harness.receive(confirmed(), early)
    await harness.receive(revoked(early), late)
    assert [data.get("stars") for _, data in harness.announced] == [5]
    assert await harness.breaches() == []


async def test_rating_revoked_before_it_comes_is_not_announced(harness: CompletionHarness) -> None:
    early, late = rated(), rated(stars=1)
    await harness.receive(confirmed(), revoked(early), early, late, at_once=False)
    assert [data.get("stars") for _, data in harness.announced] == [1]


async def test_audit_trail_shows_spares_and_revocations(harness: CompletionHarness) -> None:
    evidence = all_evidence()
    await harness.receive(confirmed(), *evidence, another(evidence[3]))
    await harness.receive(revoked(evidence[0]))
    found = await audit_trail(harness.connection, PARTICIPANT)
    assert found is not None
    (shown,) = cast("list[dict[str, Any]]", found["enrollments"])
    assert (shown["state"], shown["missing"], len(shown["rests_on"])) == ("revoked", ["session_attended/1"], 4)
    assert [one["id"] for one in shown["spares"]] == [another(evidence[3]).id]
    assert shown["revocations"] == [
        {
            "topic": "training.attendance",
            "source": "/attendance/face",
            "id": evidence[0].id,
            "reason": "face_fraud",
            "revoked_at": "2023-03-09T23:00:00Z",
            "seen_at": "2023-03-10T00:00:00Z",
            "ends_completion": True,
        }
    ]


async def test_late_evidence_is_kept_and_does_not_count(harness: CompletionHarness) -> None:
    await harness.receive(confirmed())
    harness.now += 90 * DAY
    await harness.sweep()
    await harness.receive(*all_evidence())
    assert (await harness.state(), harness.event_names()) == ("not_completed", ["completion_rejected"])
    assert (await harness.rows("evidence"), await harness.rows("spare"), await harness.breaches()) == (0, 4, [])


@pytest.mark.parametrize("from_start", [True, False], ids=["revocation first", "evidence first"])
async def test_announced_completion_is_adopted_before_it_is_revoked(
    harness: CompletionHarness, from_start: bool
) -> None:
    evidence = all_evidence()
    await harness.receive(confirmed(), *evidence)
    event_data = json.dumps(harness.announced[0][1]).encode()
    await harness.reset()

    await harness.adopt((COMPLETION_CONFIRMED.name, event_data))
    again = [confirmed(), *evidence]
    again.insert(1 if from_start else 4, revoked(evidence[0]))
    await harness.receive(*again, at_once=False)
    assert (harness.event_names(), await harness.state()) == (["completion_revoked"], "revoked")
    assert (await harness.rows("waiting"), await harness.breaches()) == (0, [])


async def test_announced_revocation_stands_and_is_not_emitted_again(harness: CompletionHarness) -> None:
    evidence = all_evidence()
    await harness.receive(confirmed(), *evidence)
    await harness.receive(revoked(evidence[0]))
    completed, ended = [json.dumps(data).encode() for _, data in harness.announced]
    await harness.reset()

    await harness.adopt((COMPLETION_CONFIRMED.name, completed), (COMPLETION_REVOKED.name, ended))
    await harness.receive(confirmed(), *evidence, another(evidence[0]))
    assert (harness.announced, await harness.state()) == ([], "revoked")
    await harness.receive(revoked(evidence[0]))
    assert await harness.connection.fetchval("select ends_completion from revocation")
    assert (harness.announced, await harness.breaches()) == ([], [])


async def test_forgotten_revocation_of_a_known_completion_is_adopted(harness: CompletionHarness) -> None:
    evidence = all_evidence()
    await harness.receive(confirmed(), *evidence)
    ended = {
        "participant_id": PARTICIPANT,
        "redeem_code": CODE,
        "reason": "face_fraud",
        "evidence": {"source": evidence[0].source, "id": evidence[0].id},
        "digest": harness.announced[0][1]["digest"],
        "revoked_at": "2023-03-09T23:00:00Z",
    }
    await harness.adopt((COMPLETION_REVOKED.name, json.dumps(ended).encode()))
    await harness.receive(another(evidence[0]), revoked(evidence[0]))
    assert (harness.event_names(), await harness.state()) == (["completion_confirmed"], "revoked")


@pytest.mark.parametrize(
    ("tampering", "breach"),
    [
        (
            "delete from evidence where kind = 'work_graded'",
            f"{CODE} does not count {{spare}}, though no other event of its key counts",
        ),
        ("delete from revocation", f"{CODE} does not count {{ended}}, though no other event of its key counts"),
        (
            "update revocation set source = '/platforms/pintar', id = '{test}', on_attendance = false",
            f"{CODE} counts {{test}}, which was revoked",
        ),
    ],
)
async def test_tampering_with_an_open_training_is_found(
    harness: CompletionHarness, tampering: str, breach: str
) -> None:
    first, test, work = attended(1), examined(), graded()
    names = {"spare": another(work).id, "ended": first.id, "test": test.id}
    await harness.receive(confirmed(), first, test, work, another(work))
    await harness.receive(revoked(first))
    assert await harness.breaches() == []
    await tamper(harness, tampering.format(**names))
    assert breach.format(**names) in await harness.breaches()


@pytest.mark.parametrize(
    ("tampering", "breach"),
    [
        ("delete from revocation", f"{CODE} is revoked, though enough of its evidence is left"),
        (
            "update enrollment set state = 'completed'",
            f"{CODE} is completed, though too much of its evidence was revoked",
        ),
        (
            "update evidence set id = 'another' where part = 2",
            f"{CODE} has evidence of another digest than was announced",
        ),
        ("delete from enrollment", "5 pieces of evidence belong to no confirmed enrollment"),
    ],
)
async def test_tampering_with_a_revoked_completion_is_found(
    harness: CompletionHarness, tampering: str, breach: str
) -> None:
    evidence = all_evidence()
    await harness.receive(confirmed(), *evidence)
    await harness.receive(revoked(evidence[0]))
    assert await harness.breaches() == []
    await tamper(harness, tampering)
    assert breach in await harness.breaches()


async def tamper(harness: CompletionHarness, statement: str) -> None:
    for table in ("enrollment", "evidence", "revocation"):
        await harness.connection.execute(f"alter table {table} disable trigger user")
    await harness.connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "delete from spare",
        "update spare set seen_at = now()",
        "delete from revocation",
        "update revocation set reason = 'none'",
    ],
)
async def test_the_database_refuses_to_change_what_was_revoked(harness: CompletionHarness, statement: str) -> None:
    evidence = all_evidence()
    await harness.receive(confirmed(), *evidence, another(evidence[0]))
    await harness.receive(revoked(evidence[0]))
    with pytest.raises(asyncpg.RestrictViolationError):
        await harness.connection.execute(statement)
