"""Surveys: each participant's first answer to each of them is announced once."""

import json

import asyncpg
import pytest

from services.completion.ops import audit_trail
from shared.contracts.completion import SURVEY_ANSWERED
from shared.contracts.topics import TRAINING_ATTENDANCE
from tests.integration.completion.harness import (
    CompletionHarness,
    Sent,
    all_evidence,
    answered,
    confirmed,
    rejected,
    revoked,
    voided,
)
from tests.unit.completion.facts import CODE, DAY, PARTICIPANT, SEEN

OTHER_CODE, OTHER_PARTICIPANT = "PRAT00000002", "4810000000000025"


async def test_first_answer_to_each_survey_is_announced_once(harness: CompletionHarness) -> None:
    first = answered(1).but(trace="00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")
    await harness.receive(confirmed(), confirmed(OTHER_CODE), first, answered(1, at=SEEN - DAY), first)
    await harness.receive(answered(1, code=OTHER_CODE), answered(12), first)

    answer = {"participant_id": PARTICIPANT, "redeem_code": CODE, "survey": 1, "answered_at": "2023-03-09T23:00:00Z"}
    assert harness.announced == [("survey_answered", answer), ("survey_answered", answer | {"survey": 12})]
    assert harness.pages[0].events[0].headers["traceparent"].startswith("00-0123456789abcdef")
    assert (await harness.parked(), await harness.breaches()) == ([], [])


async def test_surveys_of_several_participants_are_announced_separately(harness: CompletionHarness) -> None:
    theirs = answered(code=OTHER_CODE, participant=OTHER_PARTICIPANT)
    await harness.receive(confirmed(), confirmed(OTHER_CODE, OTHER_PARTICIPANT), answered(), theirs)
    assert sorted(data["redeem_code"] for _, data in harness.announced) == [OTHER_CODE, CODE]


@pytest.mark.parametrize("late", [True, False])
async def test_survey_has_no_window_but_the_future(harness: CompletionHarness, late: bool) -> None:
    await harness.receive(confirmed())
    harness.now += 400 * DAY
    await harness.sweep()
    await harness.receive(answered(at=SEEN - 400 * DAY), answered(2, at=harness.now + (DAY if late else -DAY)))
    assert harness.event_names()[1:] == ["survey_answered"] * (1 if late else 2)
    assert await harness.parked() == [("out_of_window", "/answered_at")] * late


async def test_survey_waits_for_its_enrollment(harness: CompletionHarness) -> None:
    await harness.receive(answered())
    assert (harness.announced, await harness.rows("waiting")) == ([], 1)
    await harness.receive(*all_evidence(), confirmed())
    assert sorted(harness.event_names()) == ["completion_confirmed", "survey_answered"]


async def test_survey_of_another_participant_is_parked(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), answered(participant=OTHER_PARTICIPANT))
    assert (harness.announced, await harness.parked()) == ([], [("not_yours", "/participant_id")])


@pytest.mark.parametrize("survey", [0, 13])
async def test_survey_of_an_impossible_number_is_parked(harness: CompletionHarness, survey: int) -> None:
    await harness.receive(confirmed(), answered(survey))
    assert (harness.announced, await harness.parked()) == ([], [("invalid_field", "/survey")])


@pytest.mark.parametrize("events", [[rejected()], [confirmed(), voided()]], ids=["rejected", "voided"])
async def test_survey_for_a_training_that_does_not_stand_uses_nothing_up(
    harness: CompletionHarness, events: list[Sent]
) -> None:
    await harness.receive(*events, answered())
    assert (harness.announced, await harness.parked(), await harness.rows("survey")) == ([], [], 0)

    await harness.receive(confirmed(OTHER_CODE), answered(code=OTHER_CODE))
    assert [data["redeem_code"] for _, data in harness.announced] == [OTHER_CODE]


async def test_survey_for_a_revoked_completion_uses_nothing_up(harness: CompletionHarness) -> None:
    attendance, *others = all_evidence()
    await harness.receive(confirmed(), attendance, *others)
    await harness.receive(revoked(attendance), answered())
    await harness.receive(confirmed(OTHER_CODE), answered(code=OTHER_CODE))
    assert harness.event_names() == ["completion_confirmed", "completion_revoked", "survey_answered"]
    assert harness.announced[-1][1]["redeem_code"] == OTHER_CODE


async def test_survey_revoked_before_it_comes_is_not_announced(harness: CompletionHarness) -> None:
    first, second = answered(), answered(at=SEEN - DAY)
    others = revoked(second, topic=TRAINING_ATTENDANCE), revoked(second.but(source="/surveys/entry"))
    await harness.receive(confirmed(), revoked(first), *others, first, second)
    await harness.receive(revoked(second), answered())
    assert [data["answered_at"] for _, data in harness.announced] == ["2023-03-09T00:00:00Z"]
    assert await harness.breaches() == []


async def test_announced_survey_is_not_emitted_again(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), answered())
    event_data = json.dumps(harness.announced[0][1]).encode()
    await harness.reset()

    await harness.adopt((SURVEY_ANSWERED.name, event_data))
    await harness.receive(confirmed(), answered(), answered(2))
    assert [data["survey"] for _, data in harness.announced] == [2]


async def test_audit_trail_shows_surveys(harness: CompletionHarness) -> None:
    sent = answered(3)
    await harness.receive(confirmed(), sent)
    found = await audit_trail(harness.connection, PARTICIPANT)
    assert found is not None
    assert found["surveys"] == [
        {
            "survey": 3,
            "redeem_code": CODE,
            "source": "/surveys/exit",
            "id": sent.id,
            "answered_at": "2023-03-09T23:00:00Z",
            "seen_at": "2023-03-10T00:00:00Z",
        }
    ]


@pytest.mark.parametrize("statement", ["update survey set redeem_code = 'X'", "delete from survey"])
async def test_answers_to_surveys_cannot_be_changed(harness: CompletionHarness, statement: str) -> None:
    await harness.receive(confirmed(), answered())
    with pytest.raises(asyncpg.RestrictViolationError):
        await harness.connection.execute(statement)

    await harness.connection.execute("alter table survey disable trigger user; update survey set participant_id = '4'")
    assert await harness.breaches() == ["survey 1 of 4 names no confirmed enrollment of theirs"]
