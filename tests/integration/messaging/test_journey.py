"""The way from an external record to an effect in another service."""

from dataclasses import replace

from tests.integration.messaging.toy_world import ToyWorld, a_goal, a_player
from tests.timeouts import until


async def test_point_becomes_a_total_that_another_service_reads(world: ToyWorld) -> None:
    async with world.running(world.league.service), world.running(world.league.board_service):
        await world.send(a_player("ana"), a_goal("ana", "g1", 2), a_goal("ana", "g2", 3))
        await world.until_seen(("ana", "g1", 2), ("ana", "g2", 5))


async def test_eras_written_and_read_are_recorded_in_both_services(world: ToyWorld) -> None:
    league, board, totals = world.league.service, world.league.board_service, world.league.totals
    recorded = f"select lane, era, first_sequence, follows from era where topic = '{totals}' order by lane, era"
    async with world.running(board):
        for goal in ("g1", "g2"):
            async with world.running(league):
                await world.send(a_player("ana"), a_goal("ana", goal))
                await world.until_count(board, "seen", int(goal[1]))
    written, read = await world.fetch(league, recorded), await world.fetch(board, recorded)
    assert [tuple(row) for row in written] == [tuple(row) for row in read]
    first, second = written
    assert (first["first_sequence"], first["follows"], second["first_sequence"], second["follows"]) == (1, 0, 2, 1)


async def test_points_before_their_player_are_deferred_until_it_comes(world: ToyWorld) -> None:
    async with world.running(world.league.service), world.running(world.league.board_service):
        await world.send(a_goal("ana", "g1", partition=7), a_goal("ana", "g2", partition=3))
        await world.until_count(world.league.service, "waiting", 2)
        await world.send(a_player("ana", partition=5))

        async def taken_up() -> bool:
            return sorted(goal for _, goal, _ in await world.seen()) == ["g1", "g2"]

        await until(taken_up, "the points were taken up")
        await world.until_count(world.league.service, "waiting", 0)


async def test_records_sent_three_times_take_effect_once(world: ToyWorld) -> None:
    events = [a_player("ana"), a_goal("ana", "g1"), a_player("bo"), a_goal("bo", "g2"), a_goal("bo", "g3")]
    async with world.running(world.league.service), world.running(world.league.board_service):
        for partition in (0, 3, 7):
            await world.send(*[replace(event, partition=partition) for event in events])
        await world.until_read(world.league.service, 15)
        await world.until_seen(("ana", "g1", 1), ("bo", "g2", 1), ("bo", "g3", 2))


async def test_key_unique_across_lanes_has_one_owner(world: ToyWorld) -> None:
    async with world.running(world.league.service):
        await world.send(a_player("ana", shirt="7", partition=1), a_player("bo", shirt="7", partition=2))
        await world.until_count(world.league.service, "parked", 1)
        (player,) = await world.fetch(world.league.service, "select player from player")
        (parked,) = await world.fetch(world.league.service, "select reason, detail from parked")
    assert player["player"] in ("ana", "bo")
    assert (parked["reason"], parked["detail"]) == ("conflict", "/shirt")


async def test_committed_kafka_offsets_follow_the_positions(world: ToyWorld) -> None:
    async with world.running(world.league.service):
        await world.send(*[a_player(f"p{n}", partition=n) for n in range(12)])

        async def committed() -> bool:
            return await world.committed_offsets(world.league.service) == dict.fromkeys(range(12), 1)

        await until(committed, "the group's offsets show one record read in each partition")
