"""Recovery after a restore: announced outcomes stand as they were announced."""

import json

from shared.contracts.completion import COMPLETION_CONFIRMED, COMPLETION_REJECTED, TRAINING_RATED
from tests.integration.completion.harness import CompletionHarness, all_evidence, confirmed, rated
from tests.unit.completion.facts import CODE, DAY


def event_bytes(harness: CompletionHarness, place: int) -> bytes:
    return json.dumps(harness.announced[place][1]).encode()


async def test_announced_completion_stands_and_is_not_emitted_again(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), *all_evidence())
    event_data, digest = event_bytes(harness, 0), harness.announced[0][1]["digest"]
    await harness.reset()

    harness.now += DAY
    await harness.adopt((COMPLETION_CONFIRMED.name, event_data))
    await harness.receive(confirmed(), *all_evidence())

    assert harness.announced == []
    assert await harness.state() == "completed"
    row = await harness.connection.fetchrow("select digest from enrollment where redeem_code = $1", CODE)
    assert row is not None
    assert row["digest"].hex() == digest
    assert await harness.breaches() == []


async def test_announced_rejection_stands_though_all_evidence_is_there(harness: CompletionHarness) -> None:
    await harness.receive(confirmed())
    harness.now += 30 * DAY
    await harness.sweep()
    event_data = event_bytes(harness, 0)
    await harness.reset()

    await harness.adopt((COMPLETION_REJECTED.name, event_data))
    await harness.receive(confirmed(), *all_evidence())

    assert (harness.announced, await harness.state()) == ([], "not_completed")
    assert await harness.breaches() == []


async def test_announced_completion_stands_without_its_evidence(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), *all_evidence())
    event_data = event_bytes(harness, 0)
    await harness.reset()

    await harness.adopt((COMPLETION_CONFIRMED.name, event_data))
    await harness.receive(confirmed())
    harness.now += 30 * DAY
    await harness.sweep()

    assert (harness.announced, await harness.state()) == ([], "completed")


async def test_announced_rating_is_not_emitted_again(harness: CompletionHarness) -> None:
    await harness.receive(confirmed(), rated())
    event_data = event_bytes(harness, 0)
    await harness.reset()

    await harness.adopt((TRAINING_RATED.name, event_data))
    await harness.receive(confirmed(), rated(), *all_evidence())
    assert harness.event_names() == ["completion_confirmed"]
