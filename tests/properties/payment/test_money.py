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
OF_PARTNERS = ("was paid more than once, say the partners", "went out and were not appropriated")
ANSWERS = st.sampled_from(
    [("settled", None), ("accepted", None), ("rejected", "AC04"), ("rejected", "ED05"), ("rejected", "AM05")]
)


@dataclass(frozen=True)
class Story:
    """Batches of facts, as indices; after each batch partners answer some references, and the clock goes on.

    `decisions` of two persons about what is frozen: True lets another attempt go, False says that the last did go out.
    """

    batches: list[list[int]]
    answers: list[tuple[int, tuple[str, str | None]]]
    decisions: list[bool]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    order = draw(st.permutations(range(len(FACTS))))
    repeats = draw(st.lists(st.sampled_from(range(len(FACTS))), max_size=15))
    sequence = [*order, *repeats]
    size = draw(st.integers(min_value=1, max_value=12))
    batches = [sequence[start : start + size] for start in range(0, len(sequence), size)]
    answers = draw(st.lists(st.tuples(st.integers(0, 30), ANSWERS), max_size=40))
    return Story(batches, answers, draw(st.lists(st.booleans(), max_size=10)))


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
        assert await wrongs(bench) == []
    decisions = list(story.decisions)
    while answers or decisions:
        await answer(bench, answers[:3])
        await decide(bench, decisions[:1])
        del answers[:3], decisions[:1]
        bench.now += RETRY_AFTER
        await bench.sweep()
        assert await wrongs(bench) == []
    await bench.sweep()
    assert await wrongs(bench) == []
    await assert_each_right_once(bench)


async def wrongs(bench: Bench) -> list[str]:
    """Return the breaches, but for what partners did themselves: they paid twice, or without money behind it."""
    return [breach for breach in await bench.breaches() if not any(fault in breach for fault in OF_PARTNERS)]


async def decide(bench: Bench, decisions: Sequence[bool]) -> None:
    for goes_again in decisions:
        row = await bench.connection.fetchrow(
            "select * from disbursement where frozen and reason = 'needs_approval' order by redeem_code limit 1"
        )
        if row and goes_again:
            await bench.approve(row["redeem_code"], row["benefit"])
        elif row:
            await bench.confirm(row["reference"])


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
        overdrawn = await bench.connection.fetchval("select overdrawn from funds where component = $1", component)
        assert sum(under_way) <= MONEY[component] + overdrawn
