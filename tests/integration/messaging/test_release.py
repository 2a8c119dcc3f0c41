"""Released records are handled in portions and in order, whatever is read, dies or stands still meanwhile."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from shared.contracts.topics import lane_of
from shared.messaging.engine import release_runner
from shared.messaging.engine.sweep import PORTION_RECORDS
from shared.runtime.invariants import ENGINE_INVARIANTS, breaches_of
from tests.integration.messaging.deferred_goals import defer_goals, goals_of, seen_of
from tests.integration.messaging.toy import JOINING
from tests.integration.messaging.toy_world import Event, ToyWorld, a_goal, a_player
from tests.timeouts import until

MANY = 2 * PORTION_RECORDS + 100
BOTH = ("ana", "p1")


async def defer(world: ToyWorld, goals: Sequence[Event], *, hours: int = 24) -> None:
    await defer_goals(world.connection(world.league.service), world.league, goals, hours=hours)


def some_are_in(world: ToyWorld, at_least: int = 1) -> Callable[[], Awaitable[bool]]:
    async def taken() -> bool:
        (row,) = await world.fetch(world.league.service, "select count(*) from goal")
        return bool(row["count"] >= at_least)

    return taken


async def test_released_records_are_handled_in_order_before_later_ones(world: ToyWorld) -> None:
    await defer(world, goals_of("ana", MANY))
    async with world.running(world.league.service), world.running(world.league.board_service):
        await world.send(a_player("ana"), a_goal("ana", "later"))
        await until(some_are_in(world), "the first portion is in")
        await world.send(a_goal("ana", "last"), a_player("bea"), a_goal("bea", "bea-0"))
        after = [("ana", "later", MANY + 1), ("ana", "last", MANY + 2)]
        await world.until_seen(*seen_of("ana", MANY), *after, *seen_of("bea", 1))
        await world.until_count(world.league.service, "woken", 0)
        await world.until_count(world.league.service, "lane where queues <> '{}'", 0)


async def test_portion_is_bounded_in_bytes(world: ToyWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(goals_of("ana", 1)[0].value)
    monkeypatch.setattr(release_runner, "PORTION_BYTES", 3 * size)
    await defer(world, goals_of("ana", 20))
    await world.fetch(world.league.service, "insert into player values ('ana', 'ana')")
    portions: list[int] = []
    async with world.running(
        world.league.service, timers=(JOINING,), observe=lambda batch: portions.append(batch.records)
    ):
        await world.until_count(world.league.service, "goal", 20)
    assert len(portions) >= 7


async def test_cause_read_in_time_is_joined_before_deferred_records_expire(world: ToyWorld) -> None:
    await defer(world, goals_of("ana", 3), hours=-1)
    await world.fetch(world.league.service, "insert into player values ('ana', 'ana')")
    async with world.running(world.league.service, timers=(JOINING,)):
        await world.until_count(world.league.service, "waiting", 0)
    await world.until_count(world.league.service, "goal", 3)
    await world.until_count(world.league.service, "parked", 0)


async def test_two_replicas_handle_released_records_each_in_its_own_lanes(world: ToyWorld) -> None:
    players = ["p0", next(f"p{n}" for n in range(99) if lane_of(f"p{n}") // 6 != lane_of("p0") // 6)]
    await defer(world, [goal for player in players for goal in goals_of(player, MANY)])
    league, first_is_there = world.league.service, some_are_in(world)
    async with world.running(world.league.board_service), world.running(league, timers=(JOINING,)) as one:
        await world.fetch(league, f"insert into player values ('{players[0]}', '1'), ('{players[1]}', '2')")
        await until(first_is_there, "the first portion is in")
        async with world.running(league, replica="2", timers=(JOINING,)) as two:

            async def shared() -> bool:
                return len(one._assignment.lanes) == len(two._assignment.lanes) == 6

            await until(shared, "each has its lanes")
            await world.until_seen(*(seen for player in sorted(players) for seen in seen_of(player, MANY)))


async def test_lane_stopped_between_portions_continues_where_it_was(world: ToyWorld) -> None:
    assert lane_of(BOTH[0]) != lane_of(BOTH[1])
    await defer(world, [goal for player in BOTH for goal in goals_of(player, MANY)])
    league = world.league.service
    async with world.running(world.league.board_service), world.running(league, timers=(JOINING,)):
        await world.fetch(league, "insert into player values ('ana', '1'), ('p1', '2')")
        await until(some_are_in(world), "the first portion is in")
        stop = "update lane set stopped_reason = 'invariant', stopped_at = now() where lane = $1"
        await world.fetch(league, stop, lane_of("ana"))
        await world.send(a_goal("ana", "later"))
        await world.until_count(league, "goal where player = 'p1'", MANY)
        await world.until_count(league, "waiting where kind = 'lane'", 1)
        (left,) = await world.fetch(league, "select count(*) from waiting where kind = 'player'")
        assert left["count"] > 0
        await world.resume_lanes(league)
        expected = [*seen_of("ana", MANY), ("ana", "later", MANY + 1), *seen_of("p1", MANY)]
        await world.until_seen(*expected)


async def test_cut_sessions_neither_lose_nor_repeat_released_records(world: ToyWorld) -> None:
    await defer(world, goals_of("ana", MANY))
    async with world.running(world.league.service), world.running(world.league.board_service):
        await world.send(a_player("ana"))
        for taken in (1, PORTION_RECORDS + 1):
            await until(some_are_in(world, taken), "another portion is in")
            await world.cut_sessions()
        await world.until_seen(*seen_of("ana", MANY))


async def test_records_set_aside_without_a_mark_break_an_invariant(world: ToyWorld) -> None:
    await defer(world, goals_of("ana", 2))
    desk = world.connection(world.league.service)
    await desk.execute("update waiting set kind = 'lane', key = lane::text; update lane set set_aside = true")
    breaches = [breach for invariant in ENGINE_INVARIANTS for breach in await breaches_of(desk, invariant)]
    assert f"lane {lane_of('ana')}: 2 records set aside or replayed, and not released" in breaches
