"""Evidence goes in, completions come out: once, and resting on what was accepted."""

import hashlib
import json

import asyncpg
import pytest

from services.completion.domain.enrollment import State
from services.completion.domain.evidence import Kind
from shared.contracts.topics import lane_of
from tests.integration.completion.bench import (
    Bench,
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

STRANGER = "4810000000000025"


async def test_a_training_with_all_its_evidence_is_confirmed_once(bench: Bench) -> None:
    await bench.receive(confirmed(), *all_evidence())

    ((word, said),) = bench.said
    assert word == "completion_confirmed"
    assert (said["participant_id"], said["redeem_code"]) == (PARTICIPANT, CODE)
    assert (said["completed_at"], said["scheme"], said["scheme_version"]) == ("2023-03-02T06:00:00Z", "normal-2023", 1)
    assert await bench.state() == "completed"
    assert await bench.breaches() == []


async def test_a_completion_names_the_evidence_it_rests_on_and_when_it_was_seen(bench: Bench) -> None:
    sent = all_evidence()
    await bench.receive(confirmed(), *sent)

    named = bench.said[0][1]["evidence"]
    assert [(one["type"], one["source"], one["id"]) for one in named] == [
        (event.type.split(".")[2], event.source, event.id) for event in sent
    ]
    assert {one["seen_at"] for one in named} == {"2023-03-10T00:00:00Z"}


async def test_whoever_holds_the_event_can_compute_its_digest(bench: Bench) -> None:
    await bench.receive(confirmed(), *all_evidence())

    said = dict(bench.said[0][1])
    digest, _ = said.pop("digest"), said.pop("evidence_count")
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert digest == hashlib.sha256(canonical.encode()).hexdigest()


async def test_a_completion_is_said_in_the_lane_and_under_the_key_of_the_participant(bench: Bench) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    *first, last = all_evidence()
    await bench.receive(confirmed(), *first)
    await bench.receive(last.but(trace=trace))

    (page,) = bench.pages
    assert page.lane == lane_of(PARTICIPANT)
    assert (page.events[0].key, page.events[0].headers) == (PARTICIPANT, {"traceparent": trace})


async def test_evidence_told_many_times_in_many_batches_completes_once(bench: Bench) -> None:
    await bench.receive(confirmed(), *all_evidence(), *all_evidence())
    await bench.receive(*all_evidence(), at_once=False)
    await bench.receive(confirmed(), *all_evidence())

    assert bench.words() == ["completion_confirmed"]
    assert await bench.rows("evidence") == 4
    assert await bench.parked() == []


async def test_of_the_same_fact_told_twice_the_first_counts(bench: Bench) -> None:
    first, again = attended(1), attended(1).with_data(attended_at="2023-03-01T03:00:00Z")
    await bench.receive(confirmed(), first, again)
    await bench.receive(*all_evidence())

    assert bench.said[0][1]["evidence"][0]["id"] == first.id


async def test_evidence_waits_for_its_enrollment(bench: Bench) -> None:
    await bench.receive(*all_evidence(), rated())
    assert (bench.said, await bench.rows("waiting")) == ([], 5)

    await bench.receive(confirmed())
    assert sorted(bench.words()) == ["completion_confirmed", "training_rated"]
    assert await bench.rows("waiting") == 0
    assert await bench.breaches() == []


async def test_evidence_that_waited_for_a_rejected_enrollment_changes_nothing(bench: Bench) -> None:
    await bench.receive(*all_evidence(), rated())
    await bench.receive(rejected())
    await bench.receive(*all_evidence(), rated())

    assert (bench.said, await bench.parked()) == ([], [])
    assert [await bench.rows(table) for table in ("evidence", "waiting")] == [0, 0]
    assert await bench.state() == "rejected"


@pytest.mark.parametrize("missing", range(4))
async def test_without_one_piece_nothing_is_confirmed(bench: Bench, missing: int) -> None:
    await bench.receive(confirmed(), *(event for place, event in enumerate(all_evidence()) if place != missing))
    assert (bench.said, await bench.state()) == ([], "open")


async def test_a_certificate_alone_completes_nothing(bench: Bench) -> None:
    requires = {"post_test": "taken", "graded": False, "certificate": True}
    await bench.receive(confirmed().with_data(requires=requires), certified())
    assert (bench.said, await bench.state()) == ([], "open")

    await bench.receive(examined(passed=False), attended(1), attended(2))
    assert bench.words() == ["completion_confirmed"]


async def test_a_failed_test_is_not_held_against_anybody(bench: Bench) -> None:
    first, second, _, work = all_evidence()
    await bench.receive(confirmed(), first, second, work, examined(passed=False))
    assert (bench.said, await bench.parked()) == ([], [])

    await bench.receive(examined(at=LAST_END + 2 * HOUR))
    assert bench.words() == ["completion_confirmed"]


@pytest.mark.parametrize(
    ("event", "detail"),
    [
        (attended().but(source="/providers/lp0001"), "ce_source"),
        (attended().but(source="/attendances/face"), "ce_source"),
        (graded(provider_id="LP0002"), "/provider_id"),
        (certified(provider_id="LP0002"), "/provider_id"),
        (attended(participant=STRANGER), "/participant_id"),
        (rated(participant=STRANGER), "/participant_id"),
    ],
)
async def test_what_is_not_theirs_to_say_is_parked(bench: Bench, event: Sent, detail: str) -> None:
    await bench.receive(confirmed(), event, rated())

    assert await bench.parked() == [("not_yours", detail)]
    assert bench.words() == ["training_rated"]


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
async def test_what_lies_in_no_window_is_parked(bench: Bench, event: Sent, detail: str) -> None:
    bench.now += 40 * DAY
    await bench.receive(confirmed(), event)

    assert await bench.parked() == [("out_of_window", detail)]
    assert await bench.rows("evidence") == 0


async def test_a_bad_neighbour_costs_nobody_anything(bench: Bench) -> None:
    await bench.receive(confirmed(), graded(provider_id="LP0002"), *all_evidence(), attended(3))
    assert bench.words() == ["completion_confirmed"]
    assert len(await bench.parked()) == 2


async def test_a_rating_is_announced_once_before_completion_or_after(bench: Bench) -> None:
    await bench.receive(confirmed(), rated(stars=4), rated(stars=1))
    assert [(word, said["stars"]) for word, said in bench.said] == [("training_rated", 4)]

    await bench.receive(*all_evidence(), rated(at=LAST_END + 2 * DAY))
    assert bench.words() == ["training_rated", "completion_confirmed"]


async def test_a_completed_training_can_still_be_rated(bench: Bench) -> None:
    await bench.receive(confirmed(), *all_evidence())
    await bench.receive(rated(), rated())

    assert bench.words() == ["completion_confirmed", "training_rated"]
    assert bench.said[1][1] == {
        "participant_id": PARTICIPANT,
        "redeem_code": CODE,
        "stars": 5,
        "rated_at": "2023-03-03T05:00:00Z",
    }


async def test_a_retake_after_completion_changes_nothing(bench: Bench) -> None:
    await bench.receive(confirmed(), *all_evidence())
    await bench.receive(examined(at=LAST_END - HOUR))

    assert bench.words() == ["completion_confirmed"]
    assert (await bench.rows("evidence"), await bench.breaches()) == (4, [])


async def test_an_enrollment_confirmed_twice_is_one_and_told_otherwise_is_a_conflict(bench: Bench) -> None:
    await bench.receive(confirmed(), confirmed())
    await bench.receive(confirmed(), confirmed().with_data(provider_id="LP0002"), rejected())

    assert await bench.parked() == [("conflict", ""), ("conflict", "")]
    assert await bench.rows("enrollment") == 1


async def test_trainings_of_several_people_are_told_apart(bench: Bench) -> None:
    people = [(f"PRAT{number:08}", f"48100000000{number:05}") for number in range(30)]
    events = [confirmed(code, person) for code, person in people]
    events += [event for code, person in people[:20] for event in all_evidence(code, person)]
    await bench.receive(*reversed(events))

    assert sorted(said["redeem_code"] for _, said in bench.said) == [code for code, _ in people[:20]]
    assert {said["redeem_code"]: said["participant_id"] for _, said in bench.said} == dict(people[:20])
    assert await bench.breaches() == []


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
async def test_the_database_refuses_to_change_what_is_final(bench: Bench, statement: str) -> None:
    await bench.receive(confirmed(), *all_evidence())
    with pytest.raises(asyncpg.RestrictViolationError):
        await bench.connection.execute(statement)


@pytest.mark.parametrize(
    ("table", "column", "known"),
    [("evidence", "kind", Kind), ("enrollment", "state", State), ("tally", "state", State)],
)
async def test_the_database_knows_the_same_words_as_the_code(
    bench: Bench, table: str, column: str, known: type[Kind] | type[State]
) -> None:
    words = await bench.connection.fetch(
        "select enumlabel from pg_enum join pg_attribute on atttypid = enumtypid "
        "where attrelid = $1::text::regclass and attname = $2",
        table,
        column,
    )
    assert {row["enumlabel"] for row in words} == {word.value for word in known}
