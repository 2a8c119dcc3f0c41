"""Whatever the order and however often facts and reports come: each right once, never early, never without money."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import Event, a_provider, funds
from tests.integration.payment.bench import Bench
from tests.integration.payment.facts import (
    FEE,
    INCENTIVE,
    completed,
    confirmed,
    in_another_lane,
    in_one_lane,
    linked,
    rated,
)
from tests.properties.payment.emptying import empty

PEOPLE = [*in_one_lane(2), in_another_lane(in_one_lane(1)[0])]
CODES = {person: (f"PRAT{n}0000001", f"PRAT{n}0000002") for n, person in enumerate(PEOPLE)}
MONEY = {"training": 4 * FEE, "incentive": 2 * INCENTIVE}


def facts() -> list[Event]:
    """All that upstream says: two trainings each, of which only one earns the incentive."""
    said = [a_provider(number="8800123"), a_provider(number="8800124", version=2)]
    said += [funds("48", component, rupiah=amount // 2) for component, amount in MONEY.items() for _ in range(2)]
    for person in PEOPLE:
        said += [linked(person), linked(person, day=1, partner="dana"), linked(person, day=2, verified=False)]
        for code in CODES[person]:
            said += [confirmed(person, code), completed(person, code), rated(person, code)]
    return said


FACTS = facts()
RETRY_AFTER = timedelta(hours=1)
ANSWERS = st.sampled_from([("settled", None), ("accepted", None), ("rejected", "AC04"), ("rejected", "ED05")])


@dataclass(frozen=True)
class Story:
    """Batches of facts, as indices; after each batch partners answer some references, and the clock goes on."""

    batches: list[list[int]]
    answers: list[tuple[int, tuple[str, str | None]]]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    order = draw(st.permutations(range(len(FACTS))))
    repeats = draw(st.lists(st.sampled_from(range(len(FACTS))), max_size=15))
    sequence = [*order, *repeats]
    size = draw(st.integers(min_value=1, max_value=12))
    batches = [sequence[start : start + size] for start in range(0, len(sequence), size)]
    answers = draw(st.lists(st.tuples(st.integers(0, 30), ANSWERS), max_size=40))
    return Story(batches, answers)


@given(story=stories())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_and_repetition_keeps_every_invariant(
    bench: Bench, loop: asyncio.AbstractEventLoop, story: Story
) -> None:
    loop.run_until_complete(live_through(bench, story))


async def live_through(bench: Bench, story: Story) -> None:
    await empty(bench)
    answers = list(story.answers)
    for batch in story.batches:
        await bench.receive(*(FACTS[index] for index in batch))
        await answer(bench, answers[:3])
        del answers[:3]
        assert await bench.breaches() == []
    while answers:
        await answer(bench, answers[:3])
        del answers[:3]
        bench.now += RETRY_AFTER
        await bench.sweep()
    await bench.sweep()
    assert await bench.breaches() == []
    await assert_each_right_once(bench)


async def answer(bench: Bench, answers: Sequence[tuple[int, tuple[str, str | None]]]) -> None:
    told = bench.instructions
    said = [bench.answer(told[n % len(told)].reference, *word) for n, word in answers if told]
    await bench.receive(*said, *said[:1])


async def assert_each_right_once(bench: Bench) -> None:
    rows = await bench.connection.fetch("select redeem_code, benefit, state, amount, attempt from disbursement")
    rights = Counter((row["redeem_code"], row["benefit"]) for row in rows)
    assert sum(benefit == "fee" for _, benefit in rights) == 2 * len(PEOPLE)
    assert sum(benefit == "incentive_1" for _, benefit in rights) == len(PEOPLE)
    attempts = sum(row["attempt"] for row in rows)
    assert len({told.reference for told in bench.instructions}) == len(bench.instructions) == attempts
    for kind, component in (("fee", "training"), ("incentive", "incentive")):
        under_way = [
            r["amount"] for r in rows if r["benefit"].startswith(kind) and r["state"] not in ("held", "failed")
        ]
        assert sum(under_way) <= MONEY[component]
