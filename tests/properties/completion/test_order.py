"""Evidence repeated, reordered and delayed by upstream: the outcome is the same."""

from collections.abc import AsyncIterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.infrastructure import Database
from tests.integration.completion.harness import (
    CompletionHarness,
    Sent,
    all_evidence,
    attended,
    certified,
    confirmed,
    create_harness,
    examined,
    graded,
    rated,
)
from tests.unit.completion.facts import DAY, LAST_END

NEEDED = all_evidence()
NOT_NEEDED = [
    attended(1, "venue_qr"),
    examined(passed=False, at=LAST_END + DAY),
    certified(),
    rated(),
    attended(3),
    graded(provider_id="LP0002"),
    attended(2).but(source="/providers/lp0001"),
]
REAL = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@st.composite
def shuffled_batches(draw: st.DrawFn) -> tuple[bool, list[list[Sent]]]:
    """Draw batches of the enrollment and some evidence, each one to three times; and True if all evidence is there."""
    needed = draw(st.sets(st.sampled_from(range(4)), min_size=3))
    harmless = draw(st.sets(st.sampled_from(range(len(NOT_NEEDED)))))
    facts = [confirmed(), *(NEEDED[place] for place in needed), *(NOT_NEEDED[place] for place in harmless)]
    repeated = [fact for fact in facts for _ in range(draw(st.integers(1, 3)))]
    order = draw(st.permutations(repeated))
    cuts = sorted(draw(st.sets(st.integers(1, len(order) - 1), max_size=4)))
    edges = [0, *cuts, len(order)]
    return len(needed) == 4, [order[start:end] for start, end in pairwise(edges)]


@pytest.fixture
async def harness(database: Database) -> AsyncIterator[CompletionHarness]:
    harness = await create_harness(database)
    yield harness
    await harness.connection.close()


@REAL
@given(case=shuffled_batches())
async def test_any_order_and_repetition_give_the_same_result(
    harness: CompletionHarness, case: tuple[bool, Sequence[Sequence[Sent]]]
) -> None:
    complete, batches = case
    facts = {fact.id: fact for batch in batches for fact in batch}.values()
    await harness.reset()
    for batch in batches:
        await harness.receive(*batch)

    completions = [data for name, data in harness.announced if name == "completion_confirmed"]
    assert len(completions) == complete
    assert all(data["completed_at"] == "2023-03-02T06:00:00Z" for data in completions)
    assert {one["id"] for data in completions for one in data["evidence"]} <= {fact.id for fact in NEEDED}
    assert harness.event_names().count("training_rated") == any("training_rated" in fact.type for fact in facts)
    assert await harness.state() == ("completed" if complete else "open")
    kept = {row["id"] for row in await harness.connection.fetch("select id from evidence")}
    assert kept == {fact.id for fact in facts if fact in NEEDED or "training_rated" in fact.type}
    assert (await harness.breaches(), await harness.rows("waiting")) == ([], 0)
