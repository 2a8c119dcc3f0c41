"""Kafka's own offsets are for the lag tools; they decide nothing."""

import pytest

from tests.integration.messaging.running import World, a_goal, a_player


@pytest.mark.parametrize("where", ["beginning", "end"])
async def test_group_offsets_that_were_reset_decide_nothing(world: World, where: str) -> None:
    async with world.running(world.league.board_service):
        async with world.running(world.league.service):
            await world.send(a_player("ana"), a_goal("ana", "g1"))
            await world.until_seen(("ana", "g1", 1))
        await world.send(a_goal("ana", "g2"))
        await world.reset_offsets(world.league.service, where)
        async with world.running(world.league.service):
            await world.send(a_goal("ana", "g3"))
            await world.until_seen(("ana", "g1", 1), ("ana", "g2", 2), ("ana", "g3", 3))
