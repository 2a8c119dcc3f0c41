"""Whatever falls due, comes in, is rejected and swept, in whatever lanes: money goes by age, says a judge of few lines.

The judge knows what was said to the service and whom partners were told to pay; of lanes' purses and flags, nothing.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import LATER, a_provider, funds
from tests.infrastructure import PostgresServer
from tests.integration.payment.bench import Bench, a_bench
from tests.integration.payment.facts import code_of, fee_due
from tests.properties.payment.emptying import empty

LANES = (2, 5, 9)
STANDS_STILL = 9
UNIT = 100_000
BLOCK = 10 * UNIT
Age = tuple[int, int]


@dataclass(frozen=True)
class Due:
    """Fees that fall due in one batch: (lane, amount) each. `minute` is when, by the clock of whoever handles them."""

    minute: int
    fees: list[tuple[int, int]]


@dataclass(frozen=True)
class Money:
    amount: int


@dataclass(frozen=True)
class Rejected:
    """A partner rejects one of those it was told to pay, for ever."""

    which: int


@dataclass(frozen=True)
class Still:
    """Lane 9 stands still from now on, or goes on."""

    still: bool


@dataclass(frozen=True)
class Swept:
    """By one of two processes; that of lane 2, or that of the others."""

    here: bool


Event = Due | Money | Rejected | Still | Swept
amounts = st.integers(min_value=1, max_value=20).map(lambda units: units * UNIT)
dues = st.builds(Due, st.integers(0, 50), st.lists(st.tuples(st.sampled_from(LANES), amounts), min_size=1, max_size=3))
events = st.one_of(
    dues,
    dues,
    st.builds(Money, amounts),
    st.builds(Rejected, st.integers(0, 20)),
    st.builds(Still, st.booleans()),
    st.builds(Swept, st.booleans()),
)


@dataclass
class Judge:
    """Fees by age, with lane and amount. `told`: those that partners were told to pay; `back`: those they rejected."""

    fees: dict[Age, tuple[int, int]] = field(default_factory=dict)
    told: set[Age] = field(default_factory=set)
    back: set[Age] = field(default_factory=set)
    appropriated: int = 0

    @property
    def unspent(self) -> int:
        return self.appropriated - sum(self.fees[age][1] for age in self.told - self.back)

    def note(self, told: set[Age], waited: set[Age]) -> None:
        """Nobody goes whose elders waited before it, wait on and are left without money."""
        new, self.told = told - self.told, told
        assert self.unspent >= 0
        for younger in new:
            elders = [age for age in waited - told if age < younger]
            assert sum(self.fees[age][1] for age in elders) <= self.unspent, f"{younger} overtakes {elders}"

    def waiting(self) -> set[Age]:
        return self.fees.keys() - self.told

    def starving(self, lanes: Sequence[int]) -> list[Age]:
        """Those of these lanes whom the money would last for."""
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
def bench(loop: asyncio.AbstractEventLoop, postgres: PostgresServer) -> Iterator[Bench]:
    database = loop.run_until_complete(postgres.fresh_database())
    bench = loop.run_until_complete(a_bench(database, draw_rupiah=BLOCK))
    yield bench
    loop.run_until_complete(bench.connection.close())
    loop.run_until_complete(postgres.drop(database))


@given(story=st.lists(events, min_size=4, max_size=14))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_money_goes_by_age_over_all_lanes(bench: Bench, loop: asyncio.AbstractEventLoop, story: list[Event]) -> None:
    loop.run_until_complete(live_through(bench, story))


async def live_through(bench: Bench, story: list[Event]) -> None:
    await empty(bench)
    await bench.receive(a_provider())
    judge, going = Judge(), list(LANES)
    for event in story:
        waited = judge.waiting()
        if isinstance(event, Due):
            await fall_due(bench, judge, event, going)
        elif isinstance(event, Money):
            judge.appropriated += event.amount
            await bench.receive(funds("48", "training", rupiah=event.amount))
        elif isinstance(event, Rejected):
            await reject(bench, judge, event.which)
        elif isinstance(event, Still):
            going = [lane for lane in LANES if lane != STANDS_STILL or not event.still]
        else:
            await bench.sweep("return_unused", "release", lanes=[n for n in going if (n == 2) is event.here])
        judge.note(await told(bench), waited)
    # What one process gives back another may have looked for in vain.
    for _ in range(3):
        for lanes in ([2], [lane for lane in going if lane != 2]):
            waited = judge.waiting()
            await bench.sweep("return_unused", "release", lanes=lanes)
            judge.note(await told(bench), waited)
    assert judge.starving(going) == []
    assert await bench.breaches() == []


async def fall_due(bench: Bench, judge: Judge, due: Due, going: Sequence[int]) -> None:
    bench.now = LATER + timedelta(minutes=due.minute)
    facts = []
    for lane, amount in due.fees:
        if lane in going:
            number = len(judge.fees)
            judge.fees[due.minute, number] = (lane, amount)
            facts += fee_due(lane, number, amount)
    await bench.receive(*facts)


async def reject(bench: Bench, judge: Judge, which: int) -> None:
    under_way = sorted(judge.told - judge.back)
    if under_way:
        age = under_way[which % len(under_way)]
        judge.back.add(age)
        query = "select reference from disbursement where redeem_code = $1"
        await bench.report(await bench.connection.fetchval(query, code_of(age[1])), "rejected", "MD07")


async def told(bench: Bench) -> set[Age]:
    rows = await bench.connection.fetch("select redeem_code, due_at from disbursement where attempt > 0")
    return {
        ((row["due_at"] - LATER) // timedelta(minutes=1), int(row["redeem_code"].removeprefix("PRAT"))) for row in rows
    }
