"""Views for operators, and breaches that the invariants find in tampered rows."""

import hashlib
import json
from typing import Any, cast

import pytest

from services.completion.ops import audit_trail, gauges
from shared.contracts.enrollment import Session
from shared.runtime.definition import Gauge
from shared.times import write_time
from tests.integration.completion.harness import (
    CompletionHarness,
    all_evidence,
    attended,
    confirmed,
    examined,
    graded,
    rejected,
    voided,
)
from tests.unit.completion.facts import CODE, DAY, HOUR, PARTICIPANT, SEEN

REOPENED = "update enrollment set state = 'open', decided_at = null, completed_at = null, digest = null"
DIGESTED = ("participant_id", "redeem_code", "completed_at", "evidence", "scheme", "scheme_version")


async def test_audit_trail_names_what_is_missing(harness: CompletionHarness) -> None:
    sent = attended(2)
    await harness.receive(confirmed(), sent)

    assert await audit_trail(harness.connection, PARTICIPANT) == {
        "enrollments": [
            {
                "redeem_code": CODE,
                "state": "open",
                "scheme": "normal-2023",
                "scheme_version": 1,
                "due_at": "2023-04-01T17:00:00Z",
                "missing": ["session_attended/1", "post_test_taken", "work_graded"],
                "completed_at": None,
                "digest": None,
                "reopened_at": None,
                "rests_on": [],
                "evidence": [
                    {
                        "type": "session_attended",
                        "source": "/attendance/face",
                        "id": sent.id,
                        "happened_at": "2023-03-02T02:00:00Z",
                        "seen_at": "2023-03-10T00:00:00Z",
                    }
                ],
                "spares": [],
                "revocations": [],
            }
        ],
        "surveys": [],
    }


async def test_audit_trail_lists_evidence_the_event_does_not_name(harness: CompletionHarness) -> None:
    sessions = tuple(Session(sequence=n, proof="face", starts_at=SEEN, ends_at=SEEN + HOUR) for n in range(1, 81))
    await harness.receive(confirmed(sessions=sessions, whole_span=True, purchased_at=SEEN))
    harness.now += DAY
    happened = write_time(SEEN + HOUR / 2)
    for sent in [*(attended(n) for n in range(1, 81)), examined(), graded()]:
        time = next(name for name in sent.data if name.endswith("_at"))
        await harness.receive(sent.with_data(**{time: happened}))
    ((event_name, data),) = harness.announced
    found = await audit_trail(harness.connection, PARTICIPANT)
    assert found is not None
    (enrollment,) = cast("list[dict[str, Any]]", found["enrollments"])
    assert (event_name, len(data["evidence"]), data["evidence_count"]) == ("completion_confirmed", 64, 82)
    assert enrollment["rests_on"][:64] == data["evidence"]
    canonical = {**data, "evidence": enrollment["rests_on"]}
    canonical = {name: canonical[name] for name in canonical if name in DIGESTED}
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == data["digest"] == enrollment["digest"]


async def test_audit_trail_shows_a_rejected_enrollment(harness: CompletionHarness) -> None:
    await harness.receive(rejected())
    assert await audit_trail(harness.connection, PARTICIPANT) == {
        "enrollments": [{"redeem_code": CODE, "state": "rejected"}],
        "surveys": [],
    }


async def test_unknown_participant_has_no_audit_trail(harness: CompletionHarness) -> None:
    assert await audit_trail(harness.connection, PARTICIPANT) is None


async def test_trainings_are_counted_by_state(harness: CompletionHarness) -> None:
    await harness.receive(
        *(confirmed(), *all_evidence(), confirmed("PRAT00000002"), confirmed("PRAT00000003")),
        *(rejected("PRAT00000004"), confirmed("PRAT00000005"), voided("PRAT00000005")),
    )
    counted = {"open": 2, "completed": 1, "not_completed": 0, "rejected": 1, "voided": 1, "revoked": 0}
    assert await gauges(harness.connection) == [
        Gauge("salur_trainings", float(number), {"state": state}) for state, number in counted.items()
    ]

    harness.now += 30 * DAY
    await harness.sweep()
    assert [gauge.value for gauge in await gauges(harness.connection)] == [0, 1, 2, 1, 1, 0]


@pytest.mark.parametrize(
    ("tampering", "breach"),
    [
        ("delete from evidence where kind = 'work_graded'", f"{CODE} is completed without all its evidence"),
        (
            "update evidence set id = 'another' where part = 1",
            f"{CODE} has evidence of another digest than was announced",
        ),
        (REOPENED, f"{CODE} has all its evidence and is open"),
        (f"delete from deadline; {REOPENED}", f"{CODE} is open without a deadline"),
        ("delete from enrollment", "4 pieces of evidence belong to no confirmed enrollment"),
        (
            "update tally set enrollments = 7 where state = 'completed'",
            "7 enrollments are counted as completed, the table has 1",
        ),
    ],
)
async def test_tampering_is_found(harness: CompletionHarness, tampering: str, breach: str) -> None:
    await harness.receive(confirmed(), *all_evidence())
    assert await harness.breaches() == []

    await harness.connection.execute(
        f"alter table enrollment disable trigger user; alter table evidence disable trigger user; {tampering}"
    )
    assert breach in await harness.breaches()
