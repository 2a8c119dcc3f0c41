"""Property: money goes by age, whatever falls due, is appropriated, rejected and swept, in whatever lanes.

A small model decides. It knows the events and the instructions, and nothing of allotments and flags.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import LATER, a_provider, funds
from tests.infrastructure import PostgresServer
from tests.integration.payment.facts import code_of, fee_due
from tests.integration.payment.harness import PaymentHarness, create_harness
from tests.properties.on_postgres import ON_POSTGRES
from tests.properties.payment.database_reset import reset_database

LANES = (2, 5, 9)
STALLED_LANE = 9
UNIT = 100_000
BLOCK = 10 * UNIT
Age = tuple[int, int]


@dataclass(frozen=True)
class Due:
    """Fees that fall due in one batch: (lane, amount) each. `minute`: the time, by the clock of the process."""

    minute: int
    fees: list[tuple[int, int]]


@dataclass(frozen=True)
class Money:
    amount: int


@dataclass(frozen=True)
class Rejected:
    """Final rejection of an instructed fee."""

    which: int


@dataclass(frozen=True)
class Stalled:
    """Stop or continuation of lane 9."""

    stalled: bool


@dataclass(frozen=True)
class Swept:
    """Sweep by one of two processes: that of lane 2, or that of the others."""

    here: bool


Event = Due | Money | Rejected | Stalled | Swept
amounts = st.integers(min_value=1, max_value=20).map(lambda units: units * UNIT)
dues = st.builds(Due, st.integers(0, 50), st.lists(st.tuples(st.sampled_from(LANES), amounts), min_size=1, max_size=3))
events = st.one_of(
    dues,
    dues,
    st.builds(Money, amounts),
    st.builds(Rejected, st.integers(0, 20)),
    st.builds(Stalled, st.booleans()),
    st.builds(Swept, st.booleans()),
)


@dataclass
class FundsModel:
    """Fees by age, with lane and amount. `told`: those instructed; `back`: those rejected."""

    fees: dict[Age, tuple[int, int]] = field(default_factory=dict)
    instructed: set[Age] = field(default_factory=set)
    rejected: set[Age] = field(default_factory=set)
    appropriated: int = 0

    @property
    def unspent(self) -> int:
        return self.appropriated - sum(self.fees[age][1] for age in self.instructed - self.rejected)

    def check_order(self, instructed: set[Age], waited: set[Age]) -> None:
        """Check that no fee is paid while an older one, which waited before it, still waits without money."""
        new, self.instructed = instructed - self.instructed, instructed
        assert self.unspent >= 0
        for younger in new:
            elders = [age for age in waited - instructed if age < younger]
            assert sum(self.fees[age][1] for age in elders) <= self.unspent, f"{younger} overtakes {elders}"

    def waiting(self) -> set[Age]:
        return self.fees.keys() - self.instructed

    def starving(self, lanes: Sequence[int]) -> list[Age]:
        """Return the waiting fees of these lanes that the money would cover."""
        found, left = [], self.unspent
        for age in sorted(self.waiting()):
            lane, amount = self.fees[age]
            left -= amount
            if left < 0:
                break
            if lane in lanes:
                found.append(age)
        return found


@pytest.fixture(scope="module")
def harness(loop: asyncio.AbstractEventLoop, postgres: PostgresServer) -> Iterator[PaymentHarness]:
    database = loop.run_until_complete(postgres.fresh_database())
    harness = loop.run_until_complete(create_harness(database, draw_rupiah=BLOCK))
    yield harness
    loop.run_until_complete(harness.connection.close())
    loop.run_until_complete(postgres.drop(database))


@given(timeline=st.lists(events, min_size=4, max_size=14))
@settings(ON_POSTGRES, max_examples=40)
def test_money_goes_by_age_over_all_lanes(
    harness: PaymentHarness, loop: asyncio.AbstractEventLoop, timeline: list[Event]
) -> None:
    loop.run_until_complete(play(harness, timeline))


async def play(harness: PaymentHarness, timeline: list[Event]) -> None:
    await reset_database(harness)
    await harness.receive(a_provider())
    model, going = FundsModel(), list(LANES)
    for event in timeline:
        waited = model.waiting()
        if isinstance(event, Due):
            await fall_due(harness, model, event, going)
        elif isinstance(event, Money):
            model.appropriated += event.amount
            await harness.receive(funds("48", "training", rupiah=event.amount))
        elif isinstance(event, Rejected):
            await reject(harness, model, event.which)
        elif isinstance(event, Stalled):
            going = [lane for lane in LANES if lane != STALLED_LANE or not event.stalled]
        else:
            await harness.sweep("return_unused", "release", lanes=[n for n in going if (n == 2) is event.here])
        model.check_order(await load_instructed(harness), waited)
    # Money that one process returns may have come too late for the sweep of another.
    for _ in range(3):
        for lanes in ([2], [lane for lane in going if lane != 2]):
            waited = model.waiting()
            await harness.sweep("return_unused", "release", lanes=lanes)
            model.check_order(await load_instructed(harness), waited)
    assert model.starving(going) == []
    assert await harness.breaches() == []


async def fall_due(harness: PaymentHarness, model: FundsModel, due: Due, going: Sequence[int]) -> None:
    harness.now = LATER + timedelta(minutes=due.minute)
    facts = []
    for lane, amount in due.fees:
        if lane in going:
            number = len(model.fees)
            model.fees[due.minute, number] = (lane, amount)
            facts += fee_due(lane, number, amount)
    await harness.receive(*facts)


async def reject(harness: PaymentHarness, model: FundsModel, which: int) -> None:
    under_way = sorted(model.instructed - model.rejected)
    if under_way:
        age = under_way[which % len(under_way)]
        model.rejected.add(age)
        query = "select reference from disbursement where redeem_code = $1"
        await harness.report(await harness.connection.fetchval(query, code_of(age[1])), "rejected", "MD07")


async def load_instructed(harness: PaymentHarness) -> set[Age]:
    rows = await harness.connection.fetch("select redeem_code, due_at from disbursement where attempt > 0")
    return {
        ((row["due_at"] - LATER) // timedelta(minutes=1), int(row["redeem_code"].removeprefix("PRAT"))) for row in rows
    }
