"""Offsets committed to Kafka decide nothing; positions and operators decide where reading goes on."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import TopicPartition
from asyncpg import Connection

from shared.contracts.topics import lane_of
from shared.messaging.engine import seek
from shared.messaging.engine.batch_runner import BatchRunner
from shared.messaging.message import Message, Record, pack
from shared.messaging.queries import QUERIES
from shared.messaging.reading import position as positions_of
from shared.messaging.reading.position import PositionMoved
from shared.messaging.reading.topic_ids import NO_IDS, TopicIds
from shared.messaging.reading.topic_inspector import TopicInspector
from shared.messaging.transaction.decoder import Decoder
from shared.messaging.transaction.subscription import Source, Subscription
from shared.messaging.transaction.transaction import Transaction
from tests.integration.messaging.toy import PlayerRegistered
from tests.integration.messaging.toy_world import ToyWorld, a_goal, a_player, rounds, until

LaneOf = Callable[[PlayerRegistered], int]


@pytest.mark.parametrize("where", ["beginning", "end"])
async def test_reset_group_offsets_decide_nothing(world: ToyWorld, where: str) -> None:
    async with world.running(world.league.board_service):
        async with world.running(world.league.service):
            await world.send(a_player("ana"), a_goal("ana", "g1"))
            await world.until_seen(("ana", "g1", 1))
        await world.send(a_goal("ana", "g2"))
        await world.reset_offsets(world.league.service, where)
        async with world.running(world.league.service):
            await world.send(a_goal("ana", "g3"))
            await world.until_seen(("ana", "g1", 1), ("ana", "g2", 2), ("ana", "g3", 3))


class MeanwhileMoved(TopicInspector):
    """An inspector during whose questions to Kafka an operator sets the positions."""

    def __init__(self, bootstrap: str, connection: Connection) -> None:
        super().__init__(bootstrap)
        self._connection = connection

    async def records_at(
        self, wanted: Mapping[TopicPartition, int], ids: TopicIds = NO_IDS
    ) -> dict[TopicPartition, Record]:
        found = await super().records_at(wanted, ids)
        await self._connection.execute(
            "update position set next_offset = 0, last_offset = null, last_digest = null, stopped_reason = null"
        )
        return found


async def test_position_moved_while_offsets_are_resolved_is_not_overwritten(world: ToyWorld) -> None:
    await read_and_made_anew(world)
    connection = world.connection(world.league.service)
    async with MeanwhileMoved(world.bootstrap, connection) as topics:
        with pytest.raises(PositionMoved):
            await seek.resolve_offsets(connection, topics, Decoder(world.league.sources()), [place_of(world)])
    assert await position(world) == (0, None)


async def test_partition_resumed_while_offsets_are_resolved_stays_resumed(
    world: ToyWorld,
) -> None:
    await read_and_made_anew(world)
    await world.fetch(world.league.service, "update position set stopped_reason = 'topic_changed' where partition = 0")
    connection, place = world.connection(world.league.service), place_of(world)
    async with MeanwhileMoved(world.bootstrap, connection) as topics:
        found = await seek.resolve_offsets(connection, topics, Decoder(world.league.sources()), [place])
    assert found.stopped == {place: "topic_changed"}
    assert await position(world) == (0, None)


async def read_and_made_anew(world: ToyWorld) -> None:
    async with world.running(world.league.service):
        await world.send(a_player("ana"), a_goal("ana", "g1"))
        await world.until_count(world.league.service, "goal", 1)
    await world.rewrite(world.league.requests, [])


def place_of(world: ToyWorld) -> TopicPartition:
    return TopicPartition(world.league.requests, 0)


async def position(world: ToyWorld) -> tuple[int, str | None]:
    (row,) = await world.fetch(
        world.league.service, "select next_offset, stopped_reason from position where partition = 0"
    )
    return (row["next_offset"], row["stopped_reason"])


@pytest.mark.parametrize("lane_of_player", [lambda data: lane_of(data.player), None], ids=["its lane", "its partition"])
async def test_record_passed_by_an_operator_while_it_fails_stops_nothing(
    world: ToyWorld, monkeypatch: pytest.MonkeyPatch, lane_of_player: LaneOf | None
) -> None:
    league, stop = world.league.service, BatchRunner._stop

    async def meanwhile_passed(*arguments: Any) -> None:
        operator = await world.open(league, "operator")
        await operator.execute("update position set next_offset = 1, last_offset = null where partition = 0")
        await operator.close()
        await stop(*arguments)

    monkeypatch.setattr(BatchRunner, "_stop", meanwhile_passed)
    async with world.running(league, sources=breaking(world, [], lane_of_player)):
        await world.send(a_player("ana"))
        await world.send(replace(a_player("bo"), raw=b"not json"))
        await world.until_count(league, "parked", 1)
    assert await position(world) == (2, None)
    assert await world.fetch(league, "select from lane where stopped_reason is not null") == []


async def test_replayed_shared_cause_that_fails_stops_a_lane_and_no_partition(world: ToyWorld) -> None:
    league, tried = world.league.service, list[str]()
    event = a_player("ana")
    record = Record(world.league.requests, 0, 0, 0, event.key, event.value, tuple(event.headers))
    async with world.running(league, sources=breaking(world, tried, None)) as engine:
        await world.fetch(
            league,
            "with w as (insert into woken (lane, kind, key, upto) values (-1, 'replay', '', 99))"
            'insert into waiting (lane, kind, key, owner, topic, partition, "offset", since, record)'
            " values (-1, 'replay', '', '7', $1, 0, 0, now(), $2)",
            record.topic,
            pack(record),
        )

        async def stopped() -> bool:
            rows = await world.fetch(league, "select lane from lane where stopped_reason = 'invariant'")
            return [row["lane"] for row in rows] == [0]

        await until(stopped, "the first lane stands still")
        await rounds(engine, 3)
        assert len(tried) < 10
        assert await position(world) == (0, None)
    await world.resume_lanes(league)
    async with world.running(league):
        await world.until_count(league, "player", 1)


def breaking(world: ToyWorld, tried: list[str], lane_of_player: LaneOf | None) -> tuple[Source, ...]:
    """Return sources whose handler of players always fails."""

    async def breaks(_: Transaction, messages: Sequence[Message[PlayerRegistered]]) -> None:
        tried.extend(message.data.player for message in messages)
        raise AssertionError("the code is wrong")

    return (Source(world.league.requests, (Subscription(world.league.registered, breaks, lane_of_player),)),)


async def test_batch_moves_no_position_that_was_stopped_meanwhile(world: ToyWorld) -> None:
    connection, place = world.connection(world.league.service), place_of(world)
    await positions_of.insert_missing(connection, [place])
    seen = (await positions_of.load(connection, [place]))[place]
    await positions_of.stop(connection, place, 0, "topic_changed")
    with pytest.raises(PositionMoved):
        await positions_of.advance(connection, [(seen, replace(seen, next_offset=5))])
    assert await connection.fetch(QUERIES["pass_over"], [place.topic], [0], [0], [5]) == []
    with pytest.raises(PositionMoved):
        await positions_of.confirm(connection, place, 0)
    assert await position(world) == (0, "topic_changed")


class Shortened(TopicInspector):
    """An inspector that finds the offsets 5 to 9 left by retention."""

    async def beginnings(self, places: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, 5)

    async def ends(self, places: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, 9)


async def test_partition_with_a_gap_continues_where_retention_has_left_records(world: ToyWorld) -> None:
    """At the former position no batch would ever begin."""
    connection, place = world.connection(world.league.service), place_of(world)
    await positions_of.insert_missing(connection, [place])
    await connection.execute("update position set next_offset = 2, gap_since = now()")
    async with Shortened(world.bootstrap) as topics:
        found = await seek.resolve_offsets(connection, topics, Decoder(world.league.sources()), [place])
    assert found.seeks == {place: 5}
    assert await position(world) == (5, None)
