"""Replicas that join and leave, and processes that continue after they were replaced."""

import asyncio

import pytest

from shared.contracts.topics import SERVICES
from tests.faults.world import FaultWorld

MOMENTS = ("before_begin", "before_commit", "after_commit", "in_publish")


async def test_replicas_joining_and_leaving_under_load_pay_once(world: FaultWorld) -> None:
    """Two more replicas of each service join; the ones that joined first leave first."""
    records = world.new_people_records(60)
    await world.send(records[0::4])
    second, third = ([world.installation.replica(name, number) for name in SERVICES] for number in (2, 3))
    more = [*second, *third]
    try:
        await asyncio.gather(*(asyncio.to_thread(one.start) for one in more))
        await world.send(records[1::4])
        await asyncio.gather(*(asyncio.to_thread(one.stop) for one in second))
        await world.send(records[2::4])
    finally:
        await asyncio.gather(*(asyncio.to_thread(one.stop) for one in more))
    await world.send(records[3::4])
    await world.assert_consistent()


@pytest.mark.parametrize("moment", MOMENTS)
async def test_zombie_thawed_after_a_takeover_changes_nothing_and_exits(world: FaultWorld, moment: str) -> None:
    records = world.new_people_records(40)
    async with world.zombie("payment", moment) as zombie:
        await world.send(records[0::2])
        await world.take_over("payment", zombie)
        await world.send(records[1::2])
        await world.assert_consistent()
        zombie.thaw()
        await world.send(world.new_people_records(20))
        await world.until_ended(zombie)
        await world.assert_consistent()
