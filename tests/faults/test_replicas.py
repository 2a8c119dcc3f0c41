"""Replicas come and go, and what was thought dead wakes up."""

import asyncio

import pytest

from shared.contracts.topics import SERVICES
from tests.faults.world import World

MOMENTS = ("before_begin", "before_commit", "after_commit", "in_publish")


async def test_replicas_that_join_and_leave_under_load_share_the_work_and_pay_once(world: World) -> None:
    """Two more of each service come, and the first of them leave before the second."""
    letters = world.newcomers(60)
    await world.send(letters[0::4])
    second, third = ([world.installation.replica(name, number) for name in SERVICES] for number in (2, 3))
    more = [*second, *third]
    try:
        await asyncio.gather(*(asyncio.to_thread(one.start) for one in more))
        await world.send(letters[1::4])
        await asyncio.gather(*(asyncio.to_thread(one.stop) for one in second))
        await world.send(letters[2::4])
    finally:
        await asyncio.gather(*(asyncio.to_thread(one.stop) for one in more))
    await world.send(letters[3::4])
    await world.in_order()


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_zombie_that_wakes_up_after_its_lanes_were_taken_over_changes_nothing_and_ends_itself(
    world: World, moment: str
) -> None:
    letters = world.newcomers(40)
    async with world.zombie("payment", moment) as zombie:
        await world.send(letters[0::2])
        await world.take_over("payment", zombie)
        await world.send(letters[1::2])
        await world.in_order()
        zombie.thaw()
        await world.send(world.newcomers(20))
        await world.until_ended(zombie)
        await world.in_order()
