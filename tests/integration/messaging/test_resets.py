"""Kafka's own offsets are for the lag tools, they decide nothing; where to go on is said by an operator."""

from collections.abc import Mapping

import pytest
from aiokafka import TopicPartition
from asyncpg import Connection

from shared.messaging import anchor
from shared.messaging.intake import Intake
from shared.messaging.message import Record
from shared.messaging.topics import Topics
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


class MeanwhileMoved(Topics):
    """While Kafka is asked, an operator says where to go on."""

    def __init__(self, bootstrap: str, connection: Connection) -> None:
        super().__init__(bootstrap)
        self._connection = connection

    async def records_at(self, wanted: Mapping[TopicPartition, int]) -> dict[TopicPartition, Record]:
        found = await super().records_at(wanted)
        await self._connection.execute(
            "update position set next_offset = 0, last_offset = null, last_digest = null, stopped_reason = null"
        )
        return found


@pytest.mark.parametrize("stopped", [None, "topic_changed"])
async def test_operator_who_moves_a_position_while_it_is_looked_at_is_not_overruled(
    world: World, stopped: str | None
) -> None:
    league, place = world.league.service, TopicPartition(world.league.requests, 0)
    async with world.running(league):
        await world.send(a_player("ana"), a_goal("ana", "g1"))
        await world.until_count(league, "goal", 1)
    await world.rewrite(world.league.requests, [])
    await world.fetch(league, "update position set stopped_reason = $1 where partition = 0", stopped)
    connection = world.connection(league)
    async with MeanwhileMoved(world.bootstrap, connection) as topics:
        found = await anchor.find(connection, topics, Intake(world.league.sources()), [place])
    assert found.stopped == {place: "topic_changed"}
    (row,) = await world.fetch(league, "select next_offset, stopped_reason from position where partition = 0")
    assert tuple(row) == (0, None)
