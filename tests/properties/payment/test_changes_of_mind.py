"""Property: voids, revocations and blocks end payments and claim them back, in any order and repetition."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from hypothesis import given, settings

from tests.builders import Event, funds
from tests.integration.payment.facts import (
    COMPLETED_AT,
    FEE,
    INCENTIVE,
    blocked,
    linked,
    revoked,
    unblocked,
    voided,
)
from tests.integration.payment.harness import PaymentHarness
from tests.properties.on_postgres import ON_POSTGRES
from tests.properties.payment.test_money import CODES, FACTS, PEOPLE, Timeline, play, timelines

EARLY = COMPLETED_AT - timedelta(days=1)
FREED, STOPPED, HONEST = PEOPLE
ANNULLED = (CODES[FREED][0], CODES[HONEST][0], CODES[HONEST][1])
CHANGES = [
    voided(FREED, ANNULLED[0]),
    voided(HONEST, ANNULLED[1]),
    revoked(HONEST, ANNULLED[1]),
    revoked(HONEST, ANNULLED[2]),
    blocked(FREED, EARLY),
    unblocked(FREED, EARLY + timedelta(hours=1)),
    unblocked(STOPPED, EARLY - timedelta(hours=1)),
    blocked(STOPPED, EARLY),
]
EVENTS: Sequence[Event] = [*FACTS, *CHANGES]


@given(timeline=timelines(events=len(EVENTS)))
@settings(ON_POSTGRES, max_examples=15)
def test_changes_of_mind_keep_every_invariant(
    harness: PaymentHarness, loop: asyncio.AbstractEventLoop, timeline: Timeline
) -> None:
    loop.run_until_complete(play(harness, EVENTS, timeline))


@given(timeline=timelines(events=len(EVENTS)))
@settings(ON_POSTGRES, max_examples=15)
def test_the_same_is_paid_in_the_end_whatever_was_read_first(
    harness: PaymentHarness, loop: asyncio.AbstractEventLoop, timeline: Timeline
) -> None:
    loop.run_until_complete(play(harness, EVENTS, Timeline(timeline.batches, [], [])))
    loop.run_until_complete(_settle_all(harness))
    loop.run_until_complete(_assert_paid_for_what_stands(harness))


async def _settle_all(harness: PaymentHarness) -> None:
    """Give money and fit accounts, and let partners pay all that they are instructed to."""
    await harness.receive(*(funds("48", name, rupiah=10**9) for name in ("training", "incentive")))
    await harness.receive(*(linked(person, day=3) for person in PEOPLE))
    answered = 0
    while answered < len(harness.instructions):
        reports = [harness.answer(one.reference, "settled") for one in harness.instructions[answered:]]
        answered = len(harness.instructions)
        await harness.receive(*reports)
        await harness.sweep()
    assert await harness.breaches() == []


async def _assert_paid_for_what_stands(harness: PaymentHarness) -> None:
    """Compare what is paid, and neither claimed back nor repaid, with what the trainings that stand have earned."""
    rows = await harness.connection.fetch(
        "select d.participant_id, d.redeem_code, d.benefit from disbursement d where d.state = 'settled'"
        " and not exists (select from money_claim c where c.reference = d.reference and c.state <> 'withdrawn')"
    )
    fees = {row["redeem_code"] for row in rows if row["benefit"] == "fee"}
    stands = {code for codes in CODES.values() for code in codes} - set(ANNULLED)
    assert stands - set(CODES[STOPPED]) <= fees <= stands
    cash = [row["participant_id"] for row in rows if row["benefit"] != "fee"]
    assert cash in ([], [FREED])
    assert await harness.balance("paid:fee") == len(fees) * FEE
    assert await harness.balance("paid:incentive") == len(cash) * INCENTIVE
