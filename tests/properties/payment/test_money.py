"""Property: each payment once, never early, never without money, in any order and repetition of facts and reports.

Partners contradict themselves, pay twice, and return what they have paid.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import Refused
from tests.builders import Event, a_provider, funds
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
from tests.integration.payment.harness import PaymentHarness
from tests.properties.on_postgres import ON_POSTGRES
from tests.properties.payment.database_reset import reset_database

PEOPLE = [*in_one_lane(2), in_another_lane(in_one_lane(1)[0])]
CODES = {person: (f"PRAT{n}0000001", f"PRAT{n}0000002") for n, person in enumerate(PEOPLE)}
MONEY = {"training": 4 * FEE, "incentive": 2 * INCENTIVE}


def facts() -> list[Event]:
    """Return all events: two trainings for each participant, of which only one earns the incentive."""
    events = [a_provider(number="8800123"), a_provider(number="8800124", version=2)]
    events += [funds("48", component, rupiah=amount // 2) for component, amount in MONEY.items() for _ in range(2)]
    for person in PEOPLE:
        events += [linked(person), linked(person, day=1, partner="dana"), linked(person, day=2, verified=False)]
        for code in CODES[person]:
            events += [confirmed(person, code), completed(person, code), rated(person, code)]
    return events


FACTS = facts()
RETRY_AFTER = timedelta(hours=1)
OF_PARTNERS = (
    "was paid more than once, by the reports of partners",
    "went out and were not appropriated",
    "is cancelled, and its partner reports",
    "is forfeited, and its partner reports",
)
ANSWERS = st.sampled_from(
    [
        *(("settled", None), ("accepted", None), ("rejected", "AC04"), ("rejected", "ED05"), ("rejected", "AM05")),
        *(("settled", None), ("returned", "AC04"), ("returned", "ED05")),
    ]
)


@dataclass(frozen=True)
class Timeline:
    """Batches of facts, as indices; after each batch partners answer some references, and the clock advances.

    `decisions` of two persons about frozen disbursements: True approves a retry, False confirms the last attempt.
    """

    batches: list[list[int]]
    answers: list[tuple[int, tuple[str, str | None]]]
    decisions: list[bool]


@st.composite
def timelines(draw: st.DrawFn, events: int = len(FACTS)) -> Timeline:
    order = draw(st.permutations(range(events)))
    repeats = draw(st.lists(st.sampled_from(range(events)), max_size=15))
    sequence = [*order, *repeats]
    size = draw(st.integers(min_value=1, max_value=12))
    batches = [sequence[start : start + size] for start in range(0, len(sequence), size)]
    answers = draw(st.lists(st.tuples(st.integers(0, 30), ANSWERS), max_size=40))
    return Timeline(batches, answers, draw(st.lists(st.booleans(), max_size=10)))


@given(timeline=timelines())
@settings(ON_POSTGRES, max_examples=25)
def test_any_order_and_repetition_keeps_every_invariant(
    harness: PaymentHarness, loop: asyncio.AbstractEventLoop, timeline: Timeline
) -> None:
    loop.run_until_complete(play(harness, FACTS, timeline))
    loop.run_until_complete(assert_each_entitlement_once(harness))


async def play(harness: PaymentHarness, events: Sequence[Event], timeline: Timeline) -> None:
    """Play a timeline of these events, and check the invariants after each step."""
    await reset_database(harness)
    answers = list(timeline.answers)
    for batch in timeline.batches:
        await harness.receive(*(events[index] for index in batch))
        await answer(harness, answers[:3])
        del answers[:3]
        assert await unexpected_breaches(harness) == []
    decisions = list(timeline.decisions)
    while answers or decisions:
        await answer(harness, answers[:3])
        await decide(harness, decisions[:1])
        del answers[:3], decisions[:1]
        harness.now += RETRY_AFTER
        await harness.sweep()
        assert await unexpected_breaches(harness) == []
    await harness.sweep()
    assert await unexpected_breaches(harness) == []


async def unexpected_breaches(harness: PaymentHarness) -> list[str]:
    """Return the breaches, except those that partners cause: paid twice, or paid without money."""
    return [breach for breach in await harness.breaches() if not any(fault in breach for fault in OF_PARTNERS)]


async def decide(harness: PaymentHarness, decisions: Sequence[bool]) -> None:
    for goes_again in decisions:
        row = await harness.connection.fetchrow(
            "select * from disbursement where frozen and reason = 'needs_approval' order by redeem_code limit 1"
        )
        if row and goes_again:
            # The newest account may be one that nothing may go to; nothing else is a reason.
            with refused_only_for("has no account that can be paid"):
                await harness.approve(row["redeem_code"], row["benefit"])
        elif row:
            with refused_only_for("was returned: its money came back"):
                await harness.confirm(row["reference"])


@contextmanager
def refused_only_for(reason: str) -> Iterator[None]:
    """Ignore a refusal for this reason."""
    try:
        yield
    except Refused as refusal:
        assert reason in str(refusal)  # noqa: PT017 - most decisions succeed


async def answer(harness: PaymentHarness, answers: Sequence[tuple[int, tuple[str, str | None]]]) -> None:
    instructions = harness.instructions
    reports = [
        harness.answer(instructions[n % len(instructions)].reference, *reply) for n, reply in answers if instructions
    ]
    await harness.receive(*reports, *reports[:1])


async def assert_each_entitlement_once(harness: PaymentHarness) -> None:
    rows = await harness.connection.fetch("select redeem_code, benefit, state, amount, attempt from disbursement")
    entitlements = Counter((row["redeem_code"], row["benefit"]) for row in rows)
    assert sum(benefit == "fee" for _, benefit in entitlements) == 2 * len(PEOPLE)
    assert sum(benefit == "incentive_1" for _, benefit in entitlements) == len(PEOPLE)
    attempts = sum(row["attempt"] for row in rows)
    assert len({instruction.reference for instruction in harness.instructions}) == len(harness.instructions) == attempts
    for kind, component in (("fee", "training"), ("incentive", "incentive")):
        under_way = [
            r["amount"] for r in rows if r["benefit"].startswith(kind) and r["state"] not in ("held", "failed")
        ]
        overdrawn = await harness.connection.fetchval("select overdrawn from funds where component = $1", component)
        assert sum(under_way) <= MONEY[component] + overdrawn
