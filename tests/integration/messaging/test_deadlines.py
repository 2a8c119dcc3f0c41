"""A deadline waits until every record that can prevent it has been read, and for nothing else."""

from datetime import timedelta

from shared.contracts.topics import LANES, lane_of
from shared.messaging.reading.watermark import HeldUp
from tests.integration.messaging.toy import bell_timer
from tests.integration.messaging.toy_world import ToyWorld, a_goal, a_player, rounds
from tests.timeouts import until

BOB = next(other for n in range(99) if lane_of(other := f"p{n}") != lane_of("ana"))


async def test_stopped_lane_delays_no_deadline_of_other_lanes(world: ToyWorld) -> None:
    league, board = world.league.service, world.league.board_service
    await world.fetch(board, "alter table seen add check (total < 100)")
    bell = bell_timer(world.clock.now() + timedelta(hours=1))
    async with world.running(league), world.running(board, timers=(bell,)):
        await world.send(a_player("ana"), a_player(BOB), a_goal("ana", "g1"), a_goal(BOB, "g2", points=100))
        await world.until_seen(("ana", "g1", 1))
        await world.send(a_goal(BOB, "g3"))
        await world.until_published(world.league.totals, 3)
        world.clock.pass_hours(2)
        await world.until_count(board, "rung", LANES - 1)
        rows = await world.fetch(board, "select lane from rung where lane = $1", lane_of(BOB))
    assert rows == []


async def test_stopped_external_partition_is_named_and_delays_its_deadlines(world: ToyWorld) -> None:
    league, requests = world.league.service, world.league.requests
    now = world.clock.now()
    async with world.running(league):
        await world.send(a_player("ana", partition=5))
        await world.until_count(league, "player", 1)
    await world.fetch(league, "update position set stopped_reason = 'topic_changed' where partition = 5")
    await world.send(a_goal("ana", "g1", partition=5))
    async with world.running(league, timers=(bell_timer(now),)) as engine:

        async def held_up() -> tuple[HeldUp, ...]:
            return engine.status().held_up

        found = await until(held_up, "the delayed deadlines are named")
        await rounds(engine, 2)
        assert {(held.timer, held.place, held.lanes) for held in found} >= {
            ("ring", (requests, 5), tuple(range(LANES))),
            ("expire", (requests, 5), tuple(range(LANES))),
        }
        assert await world.fetch(league, "select from rung") == []
        await world.fetch(league, "update position set stopped_reason = null")
        await world.until_count(league, "rung", LANES)
        await rounds(engine, 1)
        assert engine.status().held_up == ()
