"""Spares of a business key: so many are kept as lawful producers can make, and no more."""

import pytest

from services.completion.domain.evidence import SPARES_OF_A_KEY
from tests.integration.completion.harness import CompletionHarness, Sent, all_evidence, confirmed, revoked
from tests.unit.completion.facts import DAY

FIRST, *OTHERS = all_evidence()


def others_of_its_key(event: Sent, number: int) -> list[Sent]:
    return [event.but(id=f"{event.id}-{one}") for one in range(number)]


@pytest.mark.parametrize("at_once", [1, 7, 200])
async def test_producer_with_ever_new_ids_leaves_a_bounded_number(harness: CompletionHarness, at_once: int) -> None:
    await harness.receive(confirmed(), FIRST)
    repeats = others_of_its_key(FIRST, SPARES_OF_A_KEY + 20)
    for start in range(0, len(repeats), at_once):
        batch = repeats[start : start + at_once]
        await harness.receive(*batch, *batch[:3])
    assert (await harness.rows("spare"), await harness.parked()) == (SPARES_OF_A_KEY, [])

    await harness.receive(*OTHERS, *(others_of_its_key(one, 1)[0] for one in OTHERS))
    assert (await harness.rows("spare"), harness.event_names()) == (SPARES_OF_A_KEY + 3, ["completion_confirmed"])
    assert await harness.breaches() == []


async def test_known_spares_take_no_place_of_further_ones(harness: CompletionHarness) -> None:
    spares = others_of_its_key(FIRST, SPARES_OF_A_KEY)
    await harness.receive(confirmed(), FIRST, *spares[:-1])
    await harness.receive(*spares)
    assert await harness.rows("spare") == SPARES_OF_A_KEY


@pytest.mark.parametrize("order", [1, -1])
async def test_each_lawful_event_counts_when_all_others_are_revoked(harness: CompletionHarness, order: int) -> None:
    events = others_of_its_key(FIRST, SPARES_OF_A_KEY)[::order]
    await harness.receive(confirmed(), *OTHERS, *events, at_once=False)
    await harness.receive(*map(revoked, events[:-1]))
    assert harness.event_names() == ["completion_confirmed"]
    await harness.receive(revoked(events[-1]))
    assert harness.event_names() == ["completion_confirmed", "completion_revoked"]


async def test_each_lawful_late_event_counts_in_a_reopened_training(harness: CompletionHarness) -> None:
    events = others_of_its_key(FIRST, SPARES_OF_A_KEY)
    await harness.receive(confirmed(), *OTHERS)
    harness.now += 60 * DAY
    await harness.sweep()
    await harness.receive(*events, *map(revoked, events[:-1]))
    await harness.reopen()
    assert harness.announced[-1][1]["evidence"][0]["id"] == events[-1].id
    assert await harness.breaches() == []


async def test_revoked_spares_take_no_place_of_further_ones(harness: CompletionHarness) -> None:
    wrong = others_of_its_key(FIRST, SPARES_OF_A_KEY)
    await harness.receive(confirmed(), *OTHERS)
    harness.now += 60 * DAY
    await harness.sweep()
    await harness.receive(*wrong)
    await harness.receive(*map(revoked, wrong))
    await harness.receive(FIRST)
    await harness.reopen()
    assert harness.announced[-1][1]["evidence"][0]["id"] == FIRST.id
