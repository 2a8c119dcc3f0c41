"""Evidence and the completions that it brings about, on a real database."""

import hashlib
import json

import asyncpg
import pytest

from services.completion.domain.enrollment import EnrollmentState
from services.completion.domain.evidence import EvidenceKind
from shared.contracts.enrollment import Requirements
from shared.contracts.topics import lane_of
from tests.integration.completion.harness import (
    CompletionHarness,
    Sent,
    all_evidence,
    attended,
    certified,
    confirmed,
    examined,
    graded,
    rated,
    rejected,
)
from tests.unit.completion.facts import CODE, DAY, HOUR, LAST_END, PARTICIPANT

OTHER_PARTICIPANT = "4810000000000025"


async def test_a_training_with_all_its_evidence_is_confirmed_once(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), *all_evidence())

    ((name, data),) = harness.announced
    assert name == "completion_confirmed"
    assert (data["participant_id"], data["redeem_code"]) == (PARTICIPANT, CODE)
    assert (data["completed_at"], data["scheme"], data["scheme_version"]) == ("2023-03-02T06:00:00Z", "normal-2023", 1)
    assert await harness.state() == "completed"
    assert await harness.breaches() == []


async def test_completion_names_its_evidence_and_when_it_was_seen(harness: CompletionHarness) -> None:
    sent = all_evidence()
    await harness.receive(confirmed(), *sent)

    named = harness.announced[0][1]["evidence"]
    assert [(one["type"], one["source"], one["id"]) for one in named] == [
        (event.type.split(".")[2], event.source, event.id) for event in sent
    ]
    assert {one["seen_at"] for one in named} == {"2023-03-10T00:00:00Z"}


async def test_digest_can_be_computed_from_the_event(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), *all_evidence())

    data = dict(harness.announced[0][1])
    digest, *_ = (data.pop(name) for name in ("digest", "evidence_count", "reopened_at"))
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert digest == hashlib.sha256(canonical.encode()).hexdigest()


async def test_completion_is_emitted_in_the_participants_lane_and_key(harness: CompletionHarness) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    *first, last = all_evidence()
    await harness.receive(confirmed(), *first)
    await harness.receive(last.but(trace=trace))

    (page,) = harness.pages
    assert page.lane == lane_of(PARTICIPANT)
    assert (page.events[0].key, page.events[0].headers) == (PARTICIPANT, {"traceparent": trace})


async def test_evidence_repeated_over_many_batches_completes_once(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), *all_evidence(), *all_evidence())
    await harness.receive(*all_evidence(), at_once=False)
    await harness.receive(confirmed(), *all_evidence())

    assert harness.event_names() == ["completion_confirmed"]
    assert await harness.rows("evidence") == 4
    assert await harness.parked() == []


async def test_first_of_two_reports_of_a_fact_counts(harness: CompletionHarness) -> None:
    first, again = attended(1), attended(1).with_data(attended_at="2023-03-01T03:00:00Z")
    await harness.receive(confirmed(), first, again)
    await harness.receive(*all_evidence())

    assert harness.announced[0][1]["evidence"][0]["id"] == first.id


async def test_evidence_is_deferred_until_its_enrollment(harness: CompletionHarness) -> None:
    await harness.receive(*all_evidence(), rated())
    assert (harness.announced, await harness.rows("waiting")) == ([], 5)

    await harness.receive(confirmed())
    assert sorted(harness.event_names()) == ["completion_confirmed", "training_rated"]
    assert await harness.rows("waiting") == 0
    assert await harness.breaches() == []


async def test_evidence_of_a_rejected_enrollment_is_ignored(harness: CompletionHarness) -> None:
    await harness.receive(*all_evidence(), rated())
    await harness.receive(rejected())
    await harness.receive(*all_evidence(), rated())

    assert (harness.announced, await harness.parked()) == ([], [])
    assert [await harness.rows(table) for table in ("evidence", "waiting")] == [0, 0]
    assert await harness.state() == "rejected"


async def test_failed_test_does_not_exclude_a_passed_retake(harness: CompletionHarness) -> None:
    first, second, _, work = all_evidence()
    await harness.receive(confirmed(), first, second, work, examined(passed=False))
    assert (harness.announced, await harness.parked()) == ([], [])

    await harness.receive(examined(at=LAST_END + 2 * HOUR))
    assert harness.event_names() == ["completion_confirmed"]


@pytest.mark.parametrize(
    ("event", "detail"),
    [
        (attended().but(source="/providers/lp0001"), "ce_source"),
        (attended().but(source="/attendances/face"), "ce_source"),
        (graded(provider_id="LP0002"), "/provider_id"),
        (certified(provider_id="LP0002"), "/provider_id"),
        (attended(participant=OTHER_PARTICIPANT), "/participant_id"),
        (rated(participant=OTHER_PARTICIPANT), "/participant_id"),
    ],
)
async def test_evidence_from_the_wrong_source_is_parked(harness: CompletionHarness, event: Sent, detail: str) -> None:
    await harness.receive(confirmed(), event, rated())

    assert await harness.parked() == [("not_yours", detail)]
    assert harness.event_names() == ["training_rated"]


@pytest.mark.parametrize(
    ("event", "detail"),
    [
        (attended(1).with_data(attended_at="2023-03-01T00:59:59Z"), "/attended_at"),
        (attended(3), "/sequence"),
        (examined(at=LAST_END - 2 * DAY), "/taken_at"),
        (graded(at=LAST_END + 31 * DAY), "/graded_at"),
        (rated(at=LAST_END + 31 * DAY), "/rated_at"),
    ],
)
async def test_evidence_out_of_its_window_is_parked(harness: CompletionHarness, event: Sent, detail: str) -> None:
    harness.now += 40 * DAY
    await harness.receive(confirmed(), event)

    assert await harness.parked() == [("out_of_window", detail)]
    assert await harness.rows("evidence") == 0


async def test_parked_evidence_does_not_affect_its_batch(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), graded(provider_id="LP0002"), *all_evidence(), attended(3))
    assert harness.event_names() == ["completion_confirmed"]
    assert len(await harness.parked()) == 2


async def test_least_share_of_sessions_completes_a_training(harness: CompletionHarness) -> None:
    requires = Requirements(post_test="passed", graded=True, certificate=False, sessions_at_least=1)
    await harness.receive(confirmed(requires=requires), examined(), graded())
    assert harness.announced == []

    await harness.receive(attended(2))
    await harness.receive(confirmed(requires=requires))
    assert [named["type"] for named in harness.announced[0][1]["evidence"]] == [
        *("session_attended", "post_test_taken", "work_graded")
    ]
    assert (await harness.parked(), await harness.breaches()) == ([], [])


async def test_rating_is_emitted_once_before_completion_or_after(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), rated(stars=4), rated(stars=1))
    assert [(name, data["stars"]) for name, data in harness.announced] == [("training_rated", 4)]

    await harness.receive(*all_evidence(), rated(at=LAST_END + 2 * DAY))
    assert harness.event_names() == ["training_rated", "completion_confirmed"]


async def test_a_completed_training_can_still_be_rated(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), *all_evidence())
    await harness.receive(rated(), rated())

    assert harness.event_names() == ["completion_confirmed", "training_rated"]
    assert harness.announced[1][1] == {
        "participant_id": PARTICIPANT,
        "redeem_code": CODE,
        "stars": 5,
        "rated_at": "2023-03-03T05:00:00Z",
    }


async def test_retake_after_completion_is_ignored(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), *all_evidence())
    await harness.receive(examined(at=LAST_END - HOUR))

    assert harness.event_names() == ["completion_confirmed"]
    assert (await harness.rows("evidence"), await harness.breaches()) == (4, [])


async def test_repeated_enrollment_is_one_and_a_changed_one_conflicts(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), confirmed())
    await harness.receive(confirmed(), confirmed().with_data(provider_id="LP0002"), rejected())

    assert await harness.parked() == [("conflict", ""), ("conflict", "")]
    assert await harness.rows("enrollment") == 1


async def test_trainings_of_several_participants_are_completed_separately(harness: CompletionHarness) -> None:
    people = [(f"PRAT{number:08}", f"48100000000{number:05}") for number in range(30)]
    events = [confirmed(code, person) for code, person in people]
    events += [event for code, person in people[:20] for event in all_evidence(code, person)]
    await harness.receive(*reversed(events))

    assert sorted(data["redeem_code"] for _, data in harness.announced) == [code for code, _ in people[:20]]
    assert {data["redeem_code"]: data["participant_id"] for _, data in harness.announced} == dict(people[:20])
    assert await harness.breaches() == []


@pytest.mark.parametrize(
    "statement",
    [
        "update enrollment set completed_at = now()",
        "update enrollment set state = 'open', decided_at = null, completed_at = null, digest = null",
        "delete from enrollment",
        "update evidence set happened_at = now()",
        "delete from evidence",
    ],
)
async def test_the_database_refuses_to_change_what_is_final(harness: CompletionHarness, statement: str) -> None:
    await harness.receive(confirmed(), *all_evidence())
    with pytest.raises(asyncpg.RestrictViolationError):
        await harness.connection.execute(statement)


@pytest.mark.parametrize(
    ("table", "column", "known"),
    [("evidence", "kind", EvidenceKind), ("enrollment", "state", EnrollmentState), ("tally", "state", EnrollmentState)],
)
async def test_database_enums_match_the_code(
    harness: CompletionHarness, table: str, column: str, known: type[EvidenceKind] | type[EnrollmentState]
) -> None:
    words = await harness.connection.fetch(
        "select enumlabel from pg_enum join pg_attribute on atttypid = enumtypid "
        "where attrelid = $1::text::regclass and attname = $2",
        table,
        column,
    )
    assert {row["enumlabel"] for row in words} == {name.value for name in known}
