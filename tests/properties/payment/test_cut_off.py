"""Property: nothing of a wave is lost or paid past its cut-off, in any order and repetition of facts and reports."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.payment.app import definition
from services.payment.settings import PaymentSettings
from shared.messaging.transaction.decoder import Decoder
from tests.builders import LATER, Event, funds
from tests.integration.payment.facts import blocked, confirmed, unblocked, voided
from tests.integration.payment.harness import PaymentHarness
from tests.properties.on_postgres import ON_POSTGRES
from tests.properties.payment.database_reset import reset_database
from tests.properties.payment.test_money import (
    CODES,
    FACTS,
    MONEY,
    PEOPLE,
    Timeline,
    answer,
    decide,
    timelines,
    unexpected_breaches,
)

CUT_OFF = LATER + timedelta(days=2)
LATE_MONEY = 1_000
EVENTS: Sequence[Event] = [
    *(event for event in FACTS if event.type.name != "salur.enrollment.enrollment_confirmed.v1"),
    *(confirmed(person, code, cut_off_at=CUT_OFF) for person in PEOPLE for code in CODES[person]),
    voided(PEOPLE[0], CODES[PEOPLE[0]][0]),
    blocked(PEOPLE[1]),
    unblocked(PEOPLE[1]),
    funds("48", "training", rupiah=LATE_MONEY, document="SP2D-LATE"),
]
FROZEN = "select coalesce(sum(amount), 0)::bigint from disbursement where state = 'held' and frozen and component = $1"
UNDECIDED = "select count(*) from disbursement where state = 'held' and not frozen"


@example(
    # Rejected for its account after the cut-off, a right is forfeited with the partner of a newer account.
    timeline=Timeline(
        batches=[
            [0, 1, 2, 3],
            [4, 5, 6, 33],
            [8, 9, 10, 11],
            [21, 13, 14, 17],
            [29, 23, 16, 35],
            [20, 12, 30, 22],
            [24, 25, 26, 36],
            [7, 18, 31, 15],
            [34, 27, 19, 28],
            [32],
        ],
        answers=[*[(0, ("settled", None))] * 15, (1, ("rejected", "AC04"))],
        decisions=[False],
    ),
    passes_before=0,
)
@given(timeline=timelines(events=len(EVENTS)), passes_before=st.integers(0, len(EVENTS)))
@settings(ON_POSTGRES, max_examples=15)
def test_nothing_is_paid_or_left_past_a_cut_off(
    harness: PaymentHarness, loop: asyncio.AbstractEventLoop, timeline: Timeline, passes_before: int
) -> None:
    loop.run_until_complete(_play(harness, timeline, passes_before))


async def _play(harness: PaymentHarness, timeline: Timeline, passes_before: int) -> None:
    """Play a timeline; the cut-off passes before one of its batches, if by then it has been heard of."""
    await reset_database(harness)
    # As in a process that has just started: the one before remembers which cut-offs are stored.
    harness.decoder = Decoder(definition(PaymentSettings.model_validate(harness.definition.settings)).sources)
    answers, decisions = list(timeline.answers), list(timeline.decisions)
    for number, batch in enumerate(timeline.batches):
        if number == passes_before:
            await _pass(harness)
        await harness.receive(*(EVENTS[index] for index in batch))
        await answer(harness, answers[:3])
        del answers[:3]
        # Days pass while a completion waits for its enrollment.
        assert [b for b in await unexpected_breaches(harness) if "has not been read" not in b] == []
    await _pass(harness)
    instructed = len(harness.instructions)
    while answers or decisions:
        await answer(harness, answers[:3])
        await decide(harness, decisions[:1])
        del answers[:3], decisions[:1]
        await _pass(harness)
        assert await unexpected_breaches(harness) == []
    assert len(harness.instructions) == instructed
    await _assert_nothing_is_left(harness)


async def _pass(harness: PaymentHarness) -> None:
    """Let more time go by than any record may be on its way, and all timers act twice."""
    harness.now = max(harness.now, CUT_OFF) + timedelta(days=1)
    for _ in range(2):
        await harness.sweep()


async def _assert_nothing_is_left(harness: PaymentHarness) -> None:
    """Assert that nothing waits but what is frozen, and that no money is left but for that."""
    assert await harness.connection.fetchval(UNDECIDED) == 0
    assert await harness.connection.fetchval("select count(*) from purse where drawn > spent") == 0
    for row in await harness.connection.fetch("select * from funds"):
        late = LATE_MONEY if row["component"] == "training" else 0
        assert row["appropriated"] == MONEY[row["component"]] + late
        frozen = await harness.connection.fetchval(FROZEN, row["component"])
        assert row["appropriated"] - row["returned"] - row["drawn"] <= frozen
