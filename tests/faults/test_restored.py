"""One service is restored from an older copy while others compete for what it had already granted.

The wave has money for one of two fees and places for three people. After the restore the lane of the person served
first stands still, so that the service meets the other person's records before it can read what it had decided.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.local.paths import ROOT
from deploy.local.processes import Process
from deploy.simulation.people import Person, cohort
from deploy.simulation.timeline import funds_appropriated, timeline
from shared.contracts.topics import lane_of
from tests.faults.world import FaultWorld, verified_world

FEE = 1_500_000


@pytest.fixture(scope="module")
async def world() -> AsyncIterator[FaultWorld]:
    async with verified_world(quota=3, training=2_000_000) as world:
        yield world


def rivals(first_number: int) -> tuple[Person, Person]:
    """Return two ordinary people of different lanes; the second one was admitted earlier."""
    first, *others = cohort(1, 50, first_number, weights={})
    second = next(person for person in others if lane_of(person.participant_id) != lane_of(first.participant_id))
    second = replace(second, admitted_at=first.admitted_at - timedelta(hours=1))
    return replace(first, price=FEE, sessions=1), replace(second, price=FEE, sessions=1)


@asynccontextmanager
async def restored(world: FaultWorld, service: str, copy: Path, first: Person) -> AsyncIterator[None]:
    """Restore the service; the block runs when it has read everything except the lane of `first`."""
    lane = lane_of(first.participant_id)
    async with world.restored_schema(service, copy):
        await world.stop_lane(service, lane)
    await world.until_stopped(service, f"lane {lane}", "invariant")
    yield
    await world.operate(service, "lanes", "resume", str(lane))


async def send_timelines(world: FaultWorld, *people: Person) -> None:
    await world.send(world.repeated_and_shuffled(event for person in people for event in timeline(person, world.keys)))


async def requests_read(world: FaultWorld, person: Person) -> int:
    """Return enrollment's position in the person's partition of registration requests."""
    query = "select next_offset from position where topic = 'enrollment.requests' and partition = $1"
    (row,) = await world.rows("enrollment", query, lane_of(person.participant_id))
    return int(row["next_offset"])


async def until_fees(world: FaultWorld, *fees: tuple[Person, str]) -> None:
    """Wait until exactly these fees exist, in these states."""

    async def stand() -> bool:
        rows = await world.rows("payment", "select redeem_code, state from disbursement where benefit = 'fee'")
        return {row["redeem_code"]: row["state"] for row in rows} == {p.redeem_code: state for p, state in fees}

    await world.until(stand, f"the fees are {[state for _, state in fees]}")


async def test_money_instructed_before_a_restore_is_not_given_to_another(world: FaultWorld) -> None:
    copy = await world.copy_schema("payment")
    first, second = rivals(50_000)
    await send_timelines(world, first)
    await until_fees(world, (first, "settled"))
    await send_timelines(world, second)
    await until_fees(world, (first, "settled"), (second, "held"))

    async with restored(world, "payment", copy, first):
        await until_fees(world, (second, "held"))
    await until_fees(world, (first, "settled"), (second, "held"))
    assert [payment.amount for payment in world.payments() if payment.benefit == "fee"] == [FEE]

    await world.send(world.repeated_and_shuffled([funds_appropriated("training", 10**10, "SP2D-3")]))
    world.people += [first, second]
    await world.assert_consistent()


async def test_place_granted_before_a_restore_is_not_given_to_another(world: FaultWorld) -> None:
    copy = await world.copy_schema("enrollment")
    last, late = rivals(60_000)
    await send_timelines(world, last)
    world.people.append(last)
    await world.until_all_settled()
    await send_timelines(world, late)

    async def refused() -> bool:
        return world.observer.seen.refused.get(late.participant_id) == "wave_full"

    await world.until(refused, "the late person is refused")
    before = await requests_read(world, late)

    async def read_again() -> bool:
        return await requests_read(world, late) >= before

    async with restored(world, "enrollment", copy, last):
        await world.until(read_again, "the late person's admission is read again")
    await world.assert_consistent()
    assert await refused()
    assert late.participant_id not in world.observer.seen.admitted


async def test_payment_refuses_restored_data_of_another_programme(world: FaultWorld) -> None:
    """Under another programme's name every entitlement would be paid again, under new references."""
    copy = await world.copy_schema("payment")
    async with world.restored_schema("payment", copy):
        one = world.installation.services["payment"]
        log = world.installation.folder / "log" / "astray.log"
        astray = Process.start(
            "astray",
            [sys.executable, "-m", "services.payment", "run"],
            log=log,
            environment={**one.environment, "PAYMENT_PROGRAMME": "another"},
            folder=ROOT,
        )
        try:
            await world.until_ended(astray)
        finally:
            await asyncio.to_thread(astray.kill)
        assert "PAYMENT_PROGRAMME" in log.read_text()
    await world.assert_consistent()
