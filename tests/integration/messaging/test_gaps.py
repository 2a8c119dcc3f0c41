"""Internal topics: a gap stops its lane, a repeat has no effect, and pages can be republished."""

from aiokafka import ConsumerRecord

from shared.contracts.topics import lane_of
from tests.integration.messaging.toy_world import ToyWorld, a_goal, a_player, producer
from tests.timeouts import until


async def test_missing_number_stops_the_lane_until_republished(world: ToyWorld) -> None:
    lane = lane_of("ana")
    async with world.running(world.league.service):
        await world.send(a_player("ana"), *[a_goal("ana", f"g{n}") for n in range(1, 5)])
        records = await world.until_published(world.league.totals, 4)
    await world.rewrite(world.league.totals, [records[0], records[2], records[3]])

    async with world.running(world.league.board_service):
        await world.until_read(world.league.board_service, 3)
        (position,) = await world.fetch(
            world.league.board_service,
            "select partition, gap_since is not null as gap from position where gap_since is not null",
        )
        assert position["partition"] == lane
        assert await world.seen() == [("ana", "g1", 1)]
        async with world.running(world.league.service):
            await world.republish(world.league.totals, lane, 2)
            await world.until_seen(*[("ana", f"g{n}", n) for n in range(1, 5)])
    assert not await world.fetch(world.league.board_service, "select 1 from position where gap_since is not null")


async def test_emptied_topic_is_republished_without_a_second_effect(world: ToyWorld) -> None:
    async with world.running(world.league.service), world.running(world.league.board_service):
        await world.send(a_player("ana"), a_goal("ana", "g1"), a_goal("ana", "g2"))
        await world.until_seen(("ana", "g1", 1), ("ana", "g2", 2))
    before = await world.until_published(world.league.totals, 2)
    await world.rewrite(world.league.totals, [])
    async with world.running(world.league.service), world.running(world.league.board_service):
        await world.send(a_goal("ana", "g3"))
        await world.until_seen(("ana", "g1", 1), ("ana", "g2", 2), ("ana", "g3", 3))
    after = await world.published(world.league.totals)
    assert [_content(record) for record in after[:2]] == [_content(record) for record in before]


async def test_repeated_events_take_effect_once(world: ToyWorld) -> None:
    async with world.running(world.league.service), world.running(world.league.board_service):
        await world.send(a_player("ana"), a_goal("ana", "g1"), a_goal("ana", "g2"))
        records = await world.until_published(world.league.totals, 2)
        async with producer(world.bootstrap) as kafka:
            for record in [*records, *reversed(records)]:
                await kafka.send_and_wait(
                    record.topic, record.value, key=record.key, headers=list(record.headers), partition=record.partition
                )
        await world.until_read(world.league.board_service, 6)
        await world.until_seen(("ana", "g1", 1), ("ana", "g2", 2))


async def test_events_lost_by_a_restore_are_adopted_before_reading(world: ToyWorld) -> None:
    async with world.running(world.league.service), world.running(world.league.board_service):
        await world.send(a_player("ana"), a_goal("ana", "g1"))
        await world.until_seen(("ana", "g1", 1))
    await world.take_copy(world.league.service)
    async with world.running(world.league.service), world.running(world.league.board_service):
        await world.send(a_goal("ana", "g2"), a_goal("ana", "g3"))
        await world.until_seen(("ana", "g1", 1), ("ana", "g2", 2), ("ana", "g3", 3))
    await world.restore_copy(world.league.service)
    async with world.running(world.league.service), world.running(world.league.board_service):

        async def adopted() -> bool:
            rows = await world.fetch(world.league.service, "select goal, whole from adopted order by goal")
            return [tuple(row) for row in rows] == [("g2", True), ("g3", True)]

        await until(adopted, "both forgotten totals are adopted")
        await world.send(a_goal("ana", "g4"))

        async def seen_last() -> bool:
            return ("ana", "g4", 4) in await world.seen()

        await until(seen_last, "the new total comes through under its newer era")
    goals = await world.fetch(world.league.service, "select goal from goal order by goal")
    assert [row["goal"] for row in goals] == ["g1", "g2", "g3", "g4"]


def _content(record: "ConsumerRecord[bytes, bytes]") -> tuple[object, ...]:
    return record.partition, record.key, record.value, tuple(record.headers)
