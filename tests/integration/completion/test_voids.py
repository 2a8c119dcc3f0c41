"""Voids: an enrollment that no longer stands is never completed; one that is completed already stays so."""

import json

import pytest

from shared.contracts.completion import COMPLETION_CONFIRMED
from tests.integration.completion.harness import (
    CompletionHarness,
    Sent,
    all_evidence,
    attended,
    confirmed,
    graded,
    rated,
    rejected,
    voided,
)
from tests.unit.completion.facts import DAY


async def test_voided_enrollment_is_never_completed(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), attended(1), voided(), *all_evidence(), rated(), at_once=False)

    assert (await harness.state(), harness.announced, await harness.parked()) == ("voided", [], [])
    assert (await harness.rows("evidence"), await harness.breaches()) == (1, [])


async def test_void_counts_before_the_evidence_of_its_batch(harness: CompletionHarness) -> None:
    await harness.receive(*all_evidence(), voided(), confirmed())
    assert (await harness.state(), harness.announced) == ("voided", [])


async def test_deadline_of_a_voided_enrollment_acts_no_more(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), voided())
    harness.now += 90 * DAY
    assert await harness.sweep() == 1
    assert (await harness.state(), harness.announced, await harness.breaches()) == ("voided", [], [])


async def test_completed_training_stays_completed_after_a_void(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), *all_evidence())
    await harness.receive(voided(), rated())
    assert (await harness.state(), harness.event_names()) == ("completed", ["completion_confirmed", "training_rated"])


async def test_void_of_what_is_not_completed_changes_nothing(harness: CompletionHarness) -> None:
    await harness.receive(confirmed())
    harness.now += 90 * DAY
    await harness.sweep()
    await harness.receive(voided())
    assert (await harness.state(), await harness.breaches()) == ("not_completed", [])


@pytest.mark.parametrize("decided", [rejected(), confirmed()], ids=["rejected", "confirmed"])
async def test_void_waits_for_its_enrollment_and_is_repeated_in_vain(harness: CompletionHarness, decided: Sent) -> None:
    await harness.receive(voided(), voided())
    assert await harness.rows("waiting") == 1

    await harness.receive(decided, voided())
    await harness.receive(voided())
    expected = "rejected" if "reason" in decided.data else "voided"
    assert (await harness.state(), await harness.rows("waiting"), await harness.parked()) == (expected, 0, [])
    assert await harness.breaches() == []


async def test_evidence_for_a_voided_enrollment_is_checked_like_any(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), voided(), graded(provider_id="LP0002"), attended(3))
    assert await harness.parked() == [("not_yours", "/provider_id"), ("out_of_window", "/sequence")]


async def test_announced_completion_stands_though_a_void_is_read_first(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), *all_evidence())
    event_data = json.dumps(harness.announced[0][1]).encode()
    await harness.reset()

    await harness.adopt((COMPLETION_CONFIRMED.name, event_data))
    await harness.receive(confirmed(), voided(), *all_evidence())
    assert (harness.announced, await harness.state(), await harness.breaches()) == ([], "completed", [])
