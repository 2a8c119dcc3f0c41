"""Evidence repeated, reordered and delayed by upstream: the outcome is the same."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.messaging.engine import release_runner
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
    revoked,
)
from tests.properties.on_postgres import ON_POSTGRES
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
REAL = settings(ON_POSTGRES, max_examples=60)


@st.composite
def shuffled_batches(draw: st.DrawFn) -> tuple[bool, list[list[Sent]]]:
    """Draw batches of the enrollment and some evidence, each one to three times; and True if all evidence is there."""
    needed = draw(st.sets(st.sampled_from(range(4)), min_size=3))
    harmless = draw(st.sets(st.sampled_from(range(len(NOT_NEEDED)))))
    facts = [confirmed(), *(NEEDED[place] for place in needed), *(NOT_NEEDED[place] for place in harmless)]
    repeated = [fact for fact in facts for _ in range(draw(st.integers(1, 3)))]
    return len(needed) == 4, _batches(draw, draw(st.permutations(repeated)))


def _batches(draw: st.DrawFn, order: list[Sent]) -> list[list[Sent]]:
    cuts = sorted(draw(st.sets(st.integers(1, len(order) - 1), max_size=4)))
    edges = [0, *cuts, len(order)]
    return [order[start:end] for start, end in pairwise(edges)]


# The events of each business key, a retake of the test among them, and the revocation of each event.
# A repeat differs in content: of identical events that come before their enrollment one is kept.
DIFFERENT: list[dict[str, object]] = [
    {"attended_at": "2023-03-01T02:01:00Z"},
    {"attended_at": "2023-03-02T02:01:00Z"},
    {"score": 81},
    {"score": 76},
]
EVENTS = [
    [fact, fact.but(id=f"{fact.id}-again").with_data(**other)] for fact, other in zip(NEEDED, DIFFERENT, strict=True)
]
EVENTS[2].append(examined(at=LAST_END + DAY))
REVOCATIONS = [revoked(event) for of_key in EVENTS for event in of_key]


@st.composite
def revoked_batches(draw: st.DrawFn) -> list[list[Sent]]:
    """Draw batches of the enrollment, its evidence by one or more events each, and some revocations of these."""
    evidence = [event for of_key in EVENTS for event in draw(st.lists(st.sampled_from(of_key), min_size=1, max_size=4))]
    ends = draw(st.lists(st.sampled_from(REVOCATIONS), max_size=6))
    return _batches(draw, draw(st.permutations([confirmed(), *evidence, *ends])))


@dataclass
class Oracle:
    """The rules of revocation, once more: a batch counts as one moment."""

    known: bool = False
    state: str = "open"
    waiting: list[Sent] = field(default_factory=list)
    arrived: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)

    def receive(self, batch: list[Sent]) -> None:
        self.known |= any("enrollment" in event.type for event in batch)
        self.waiting += [event for event in batch if "enrollment" not in event.type]
        if self.known:
            self.ended |= {event.data["evidence"]["id"] for event in self.waiting if "revoked" in event.type}
            self.arrived |= {event.id for event in self.waiting if "revoked" not in event.type}
            if self.state == "completed" and not self.is_met():
                self.state = "revoked"
            if self.state == "open" and self.is_met():
                self.state = "completed"
            self.waiting.clear()

    def is_met(self) -> bool:
        return all(any(event.id in self.arrived - self.ended for event in of_key) for of_key in EVENTS)


@pytest.fixture
async def harness(database: Database) -> AsyncIterator[CompletionHarness]:
    harness = await create_harness(database)
    yield harness
    await harness.connection.close()


@pytest.fixture
async def slow(database: Database) -> AsyncIterator[CompletionHarness]:
    """Return a harness whose transactions take up two waiting records at most."""
    slow = await create_harness(database, batch_records=2)
    yield slow
    await slow.connection.close()


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


@REAL
@given(batches=revoked_batches())
async def test_revocations_have_the_effect_that_their_order_demands(
    harness: CompletionHarness, batches: list[list[Sent]]
) -> None:
    oracle = Oracle()
    await harness.reset()
    for batch in batches:
        await harness.receive(*batch)
        oracle.receive(batch)
        assert await harness.state() == (oracle.state if oracle.known else "None")
        assert await harness.breaches() == []
    announced = {"open": [], "completed": ["completion_confirmed"]}
    assert harness.event_names() == announced.get(oracle.state, ["completion_confirmed", "completion_revoked"])
    assert (await harness.parked(), await harness.rows("waiting")) == ([], 0)


@REAL
@given(batches=revoked_batches())
async def test_revocations_before_completion_act_the_same_in_any_order(
    harness: CompletionHarness, batches: list[list[Sent]]
) -> None:
    """All that counts is which events are left, if a last piece of evidence comes after all else."""
    last = EVENTS[3][0].but(id="the-last")
    before = [[event for event in batch if event not in EVENTS[3]] for batch in batches]
    order = [event for batch in before for event in batch]
    await harness.reset()
    for batch in [*filter(None, before), [last]]:
        await harness.receive(*batch)
    ended = {event.data["evidence"]["id"] for event in order if "revoked" in event.type}
    left = {event.id for event in order} - ended
    met = all(any(event.id in left for event in of_key) for of_key in EVENTS[:3])
    assert harness.event_names() == ["completion_confirmed"] * met


FALSE = NEEDED[0]
ENDING = revoked(FALSE)


@st.composite
def ended_beforehand(draw: st.DrawFn) -> list[list[Sent]]:
    """Draw batches of a revocation, the evidence that it revokes and all that is needed besides, and the enrollment.

    Between them lies what is not needed. Only the first two have an order, and repeats come wherever they may.
    """
    first = draw(st.permutations([ENDING, *NOT_NEEDED]))
    then = draw(st.permutations([*NEEDED, *draw(st.lists(st.sampled_from([ENDING, *NEEDED]), max_size=4))]))
    order = [*first, *then]
    order.insert(draw(st.integers(0, len(order))), confirmed())
    return _batches(draw, order)


@REAL
@given(batches=ended_beforehand(), portion=st.integers(1, 4), taken_up=st.lists(st.integers(0, 2), min_size=5))
async def test_revocation_that_waits_for_its_enrollment_is_not_overtaken(
    slow: CompletionHarness, batches: list[list[Sent]], portion: int, taken_up: list[int]
) -> None:
    """Take up what waits a few records at a time, while newer ones of the same training are read."""
    await slow.reset()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(release_runner, "PORTION_RECORDS", portion)
        for batch, portions in zip(batches, taken_up, strict=False):
            await slow.receive(*batch)
            for _ in range(portions):
                await slow.take_up()
        for _ in range(len(NOT_NEEDED) + len(NEEDED)):
            await slow.take_up()
    assert "completion_confirmed" not in slow.event_names()
    assert [await slow.rows(table) for table in ("waiting", "revocation")] == [0, 1]
    assert (await slow.state(), await slow.breaches()) == ("open", [])
