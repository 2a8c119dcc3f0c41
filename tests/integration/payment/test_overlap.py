"""Overlapping transactions of two sessions: none overtakes, spends money twice, or waits for another's allotment.

Nor is a participant instructed to be paid once a block is committed: both take the lock of the lane.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from services.payment.handlers.halts import halt, resume
from services.payment.payout import funds as payout_funds
from services.payment.payout import partner_limits
from shared.messaging.transaction import session
from tests.builders import LATER, a_provider, funds
from tests.infrastructure import Database
from tests.integration.payment.facts import (
    blocked,
    code_of,
    completed,
    confirmed,
    fee_due,
    journey,
    linked,
    of_lane,
    rated,
)
from tests.integration.payment.harness import PaymentHarness, create_harness

MILLION = 1_000_000
HERE, THERE = 2, 5
DEADLINE = 20.0


@dataclass
class Two:
    """Process with a lane of its own; blocks are of four million."""

    here: PaymentHarness
    there: PaymentHarness
    watcher: asyncpg.Connection
    monkeypatch: pytest.MonkeyPatch

    async def due(self, harness: PaymentHarness, number: int, amount: int) -> None:
        """Make a fee fall due in the lane of this process; its number is its age."""
        harness.now = LATER + timedelta(minutes=number)
        await harness.receive(*fee_due(HERE if harness is self.here else THERE, number, amount))

    async def sweep(self, harness: PaymentHarness) -> None:
        await harness.sweep(lanes=[HERE if harness is self.here else THERE])

    async def is_undone(self, work: Awaitable[None]) -> None:
        """Repeat work that was rolled back, as the engine does."""
        with pytest.raises(asyncpg.SerializationError, match="withdrawn"):
            await work

    async def paid(self) -> list[int]:
        query = "select redeem_code from payment.disbursement where state <> 'held' order by redeem_code"
        return [int(row["redeem_code"].removeprefix("PRAT")) for row in await self.watcher.fetch(query)]

    async def short(self) -> bool:
        return bool(await self.watcher.fetchval("select bool_or(short) from payment.funds"))

    @asynccontextmanager
    async def paused(
        self, work: Awaitable[None], harness: PaymentHarness, module: Any, name: str
    ) -> AsyncIterator[None]:
        """Pause `work` before it calls the function, and continue it at the end."""
        reached, go_on, real = asyncio.Event(), asyncio.Event(), getattr(module, name)

        async def pausing(first: Any, *more: Any) -> Any:
            if getattr(first, "connection", first) is harness.session.connection and not reached.is_set():
                reached.set()
                await go_on.wait()
            return await real(first, *more)

        self.monkeypatch.setattr(module, name, pausing)
        running = asyncio.ensure_future(work)
        await asyncio.wait_for(reached.wait(), DEADLINE)
        yield
        go_on.set()
        await asyncio.wait_for(running, DEADLINE)

    async def until_blocked(self, harness: PaymentHarness) -> None:
        """Wait until this process waits for a lock of the other."""
        query = "select wait_event_type = 'Lock' from pg_stat_activity where pid = $1"
        async with asyncio.timeout(DEADLINE):
            while not await self.watcher.fetchval(query, harness.session.connection.get_server_pid()):
                await asyncio.sleep(0.01)


@pytest.fixture
async def two(
    database: Database, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[Two]:
    settings: dict[str, Any] = {"draw_rupiah": 4 * MILLION} | getattr(request, "param", {})
    here = await create_harness(database, **settings)
    there = await create_harness(database, **settings)
    watcher = await asyncpg.connect(database.url)
    await here.receive(a_provider())
    yield Two(here, there, watcher, monkeypatch)
    assert await here.breaches() == []
    for connection in (here.connection, there.connection, watcher):
        await connection.close()


async def test_decision_before_a_shortage_stands_and_the_next_one_waits(two: Two) -> None:
    await two.here.receive(funds("48", "training", rupiah=4 * MILLION))
    await two.due(two.here, 0, MILLION)
    async with two.paused(two.due(two.here, 2, MILLION), two.here, payout_funds, "update_allotments"):
        await two.due(two.there, 1, 3 * MILLION)
        assert (await two.paid(), await two.short()) == ([0], True)
    assert await two.paid() == [0, 2]
    await two.due(two.here, 3, MILLION)
    assert await two.paid() == [0, 2]


async def test_allotment_withdrawn_meanwhile_is_not_committed_from(two: Two) -> None:
    await two.here.receive(funds("48", "training", rupiah=4 * MILLION))
    await two.due(two.here, 0, MILLION)
    async with two.paused(two.is_undone(two.due(two.here, 2, MILLION)), two.here, payout_funds, "update_allotments"):
        await two.due(two.there, 1, 3 * MILLION)
        await two.sweep(two.there)
        assert await two.paid() == [0, 1]
    await two.due(two.here, 2, MILLION)
    assert (await two.paid(), await two.here.state("fee", code_of(2))) == ([0, 1], "held(no_funds)")


async def test_allotment_in_use_is_skipped_and_delays_no_other_lane(two: Two) -> None:
    await two.here.receive(funds("48", "training", rupiah=4 * MILLION))
    await two.due(two.here, 0, MILLION)
    async with two.paused(two.due(two.here, 2, MILLION), two.here, session, "flush"):
        await asyncio.wait_for(two.due(two.there, 1, 2 * MILLION), DEADLINE)
        await asyncio.wait_for(two.sweep(two.there), DEADLINE)
        assert await two.paid() == [0]
    await two.sweep(two.there)
    assert await two.paid() == [0, 1, 2]


async def test_two_lanes_falling_short_at_once_pay_the_oldest_first(two: Two) -> None:
    async with two.paused(two.due(two.here, 1, MILLION), two.here, session, "flush"):
        older = asyncio.ensure_future(two.due(two.there, 0, MILLION))
        await two.until_blocked(two.there)
    await asyncio.wait_for(older, DEADLINE)
    assert (await two.paid(), await two.short()) == ([], True)
    await two.here.receive(funds("48", "training", rupiah=MILLION))
    await two.sweep(two.here)
    assert await two.paid() == []
    await two.sweep(two.there)
    assert await two.paid() == [0]


async def test_shortage_flag_stays_for_one_that_joins_while_the_last_is_paid(two: Two) -> None:
    await two.due(two.here, 0, MILLION)
    await two.here.receive(funds("48", "training", rupiah=MILLION))
    async with two.paused(two.sweep(two.here), two.here, payout_funds, "update_allotments"):
        newcomer = asyncio.ensure_future(two.due(two.there, 1, MILLION))
        await two.until_blocked(two.there)
    await asyncio.wait_for(newcomer, DEADLINE)
    assert (await two.paid(), await two.short()) == ([0], True)


async def test_money_appropriated_meanwhile_is_found_by_the_next_sweep(two: Two) -> None:
    async with two.paused(two.due(two.here, 0, MILLION), two.here, session, "flush"):
        money = asyncio.ensure_future(two.there.receive(funds("48", "training", rupiah=MILLION)))
        await two.until_blocked(two.there)
    await asyncio.wait_for(money, DEADLINE)
    assert await two.paid() == []
    await two.sweep(two.here)
    assert (await two.paid(), await two.short()) == ([0], False)


async def test_money_comes_in_the_order_in_which_funds_are_locked(two: Two) -> None:
    """A transaction that holds the first fund and wants the next finds it free."""
    money = (funds("48", "training", rupiah=MILLION), funds("48", "incentive", rupiah=MILLION))
    await two.here.receive(*money)
    lock = "select from funds where component = $1 for update nowait"
    async with two.here.connection.transaction():
        await two.here.connection.execute(lock, "incentive")
        coming = asyncio.ensure_future(two.there.receive(*(one.with_data(document="SP2D-2") for one in money)))
        await two.until_blocked(two.there)
        await two.here.connection.execute(lock, "training")
    await asyncio.wait_for(coming, DEADLINE)


async def test_instruction_waits_for_a_block_of_its_lane_and_is_held(two: Two) -> None:
    await two.here.receive(funds("48", "training"), confirmed())
    async with two.paused(two.here.receive(blocked()), two.here, session, "flush"):
        paying = asyncio.ensure_future(two.there.receive(completed()))
        await two.until_blocked(two.there)
    await asyncio.wait_for(paying, DEADLINE)
    assert (await two.here.state("fee"), two.there.instructions) == ("held(participant_blocked)", [])


async def test_block_waits_for_an_instruction_of_its_lane_and_is_the_last_word(two: Two) -> None:
    await two.here.receive(funds("48", "training"), funds("48", "incentive"), linked(), confirmed())
    async with two.paused(two.here.receive(completed()), two.here, session, "flush"):
        block = asyncio.ensure_future(two.there.receive(blocked()))
        await two.until_blocked(two.there)
    await asyncio.wait_for(block, DEADLINE)
    assert await two.here.state("fee") == "instructed"
    await two.here.receive(rated())
    assert await two.here.state("incentive_1") == "held(participant_blocked)"


async def test_second_of_two_lanes_that_link_an_account_at_once_sees_the_first(two: Two) -> None:
    await two.here.receive(funds("48", "incentive"))
    for number in (1, 2):
        await two.here.receive(linked(of_lane(HERE, number), number="081299999999"))
    ours, theirs = of_lane(HERE, 3), of_lane(THERE, 4)
    for person, number in ((ours, 3), (theirs, 4)):
        await two.here.receive(*journey(person, code_of(number))[1:])
    link = [linked(person, number="081299999999") for person in (ours, theirs)]
    async with two.paused(two.here.receive(link[0]), two.here, session, "flush"):
        overtaken = asyncio.ensure_future(two.there.receive(link[1]))
        await two.until_blocked(two.there)
    with pytest.raises(asyncpg.SerializationError, match="meanwhile"):
        await asyncio.wait_for(overtaken, DEADLINE)
    await two.there.receive(link[1])
    held = [await two.here.state("incentive_1", code_of(number)) for number in (3, 4)]
    assert held == ["instructed", "held(shared_account)"]


async def test_next_sweep_pays_what_was_held_for_a_halt_ended_meanwhile(two: Two) -> None:
    await two.here.receive(funds("48", "training"))
    await two.there.operate(halt, "bni")
    async with two.paused(two.due(two.here, 0, MILLION), two.here, session, "flush"):
        await asyncio.wait_for(two.there.operate(resume, "bni"), DEADLINE)
        await asyncio.wait_for(two.sweep(two.there), DEADLINE)
    assert await two.here.state("fee", code_of(0)) == "held(halted)"
    await two.sweep(two.here)
    assert await two.paid() == [0]


@pytest.mark.parametrize("two", [{"partner_limits": {"bni": {"rupiah_per_day": 3 * MILLION}}}], indirect=True)
async def test_two_processes_never_take_the_same_room_at_a_partner(two: Two) -> None:
    await two.here.receive(funds("48", "training", rupiah=100 * MILLION))
    await two.due(two.here, 0, MILLION)
    await two.sweep(two.here)
    for number, harness in enumerate((two.here, two.there) * 2, 1):
        await two.due(harness, number, MILLION)
    async with two.paused(two.sweep(two.here), two.here, partner_limits, "update_partner_use"):
        other = asyncio.ensure_future(two.sweep(two.there))
        await two.until_blocked(two.there)
    await asyncio.wait_for(other, DEADLINE)
    for harness in (two.here, two.there):
        await two.sweep(harness)
    assert await two.paid() == [0, 1, 2]
