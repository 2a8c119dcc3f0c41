"""Deadlines: trainings not completed in time are rejected, for good and no earlier."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.completion import timers
from services.completion.handlers import evidence
from tests.integration.completion.harness import (
    CompletionHarness,
    all_evidence,
    attended,
    confirmed,
    examined,
    rejected,
)
from tests.unit.completion.facts import CODE, DAY, PARTICIPANT

# The 30th calendar day in Jakarta after the last session, 2 March, ends at 17:00 UTC on 1 April.
DUE = datetime(2023, 4, 1, 17, 0, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


async def test_overdue_training_is_rejected_with_its_missing_requirements(
    harness: CompletionHarness,
) -> None:
    await harness.receive(confirmed(), attended(2), examined())
    harness.now = DUE

    assert await harness.sweep() == 1
    rejection = {
        "participant_id": PARTICIPANT,
        "redeem_code": CODE,
        "reason": "not_completed_in_time",
        "missing": ["session_attended/1", "work_graded"],
    }
    assert harness.announced == [("completion_rejected", rejection)]
    assert (await harness.state(), await harness.breaches()) == ("not_completed", [])


async def test_open_training_is_not_rejected_before_its_deadline(harness: CompletionHarness) -> None:
    await harness.receive(confirmed())
    harness.now = DUE - MICROSECOND
    assert (await harness.sweep(), harness.announced) == (0, [])


async def test_overdue_training_is_not_rejected_while_evidence_may_be_unread(harness: CompletionHarness) -> None:
    await harness.receive(confirmed())
    harness.now = DUE + 5 * DAY
    assert await harness.sweep(read_through=DUE - MICROSECOND) == 0

    await harness.receive(*all_evidence())
    await harness.sweep()
    assert harness.event_names() == ["completion_confirmed"]


async def test_rejection_is_emitted_once(harness: CompletionHarness) -> None:
    await harness.receive(confirmed())
    harness.now = DUE
    assert [await harness.sweep(), await harness.sweep()] == [1, 0]
    assert harness.event_names() == ["completion_rejected"]


async def test_rejection_is_final(harness: CompletionHarness) -> None:
    await harness.receive(confirmed())
    harness.now = DUE
    await harness.sweep()
    await harness.receive(*all_evidence())

    assert harness.event_names() == ["completion_rejected"]
    assert (await harness.parked(), await harness.rows("evidence"), await harness.breaches()) == ([], 0, [])


async def test_deadline_changes_no_final_enrollment(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), *all_evidence(), rejected("PRAT00000002"))
    harness.now = DUE + 5 * DAY
    await harness.sweep()
    assert harness.event_names() == ["completion_confirmed"]


async def test_late_enrollment_is_decided_by_its_deferred_evidence(harness: CompletionHarness) -> None:
    await harness.receive(*all_evidence())
    harness.now = DUE + DAY
    await harness.receive(confirmed())
    await harness.sweep()
    assert harness.event_names() == ["completion_confirmed"]


async def test_deadline_of_many_enrollments_is_taken_in_portions(harness: CompletionHarness, monkeypatch: Any) -> None:
    monkeypatch.setattr(timers, "PORTION", 4)
    monkeypatch.setattr(timers, "DECIDED_AT_ONCE", 3)
    codes = [f"PRAT{number:08}" for number in range(10)]
    await harness.receive(*(confirmed(code) for code in codes))
    (row,) = await harness.connection.fetch("select cardinality(redeem_codes) as codes from deadline")
    assert row["codes"] == len(codes)
    harness.now = DUE
    assert [await harness.sweep() for _ in range(4)] == [4, 4, 2, 0]
    assert sorted(data["redeem_code"] for _, data in harness.announced) == codes
    assert (await harness.rows("deadline"), await harness.breaches()) == (0, [])


async def test_batch_larger_than_a_portion_completes_every_training(
    harness: CompletionHarness, monkeypatch: Any
) -> None:
    monkeypatch.setattr(evidence, "PIECES_AT_ONCE", 9)
    codes = [f"PRAT{number:08}" for number in range(5)]
    await harness.receive(*(confirmed(code) for code in codes))
    await harness.receive(*(one.with_data(redeem_code=code) for code in codes for one in all_evidence()))
    assert sorted(data["redeem_code"] for _, data in harness.announced) == codes
