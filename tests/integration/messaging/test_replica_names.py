"""Two processes of one name: whoever has no working Postgres session leaves the lanes to whoever has one."""

import signal

import pytest

from tests.integration.messaging.postgres_gate import PostgresGate, membership, starting, works
from tests.integration.messaging.toy_world import ToyWorld, a_goal, a_player
from tests.timeouts import until


async def test_a_second_process_of_a_name_that_cannot_log_in_leaves_the_first_alone(world: ToyWorld) -> None:
    door = PostgresGate(world, shut=True)
    league = world.league.service
    async with world.running(world.league.board_service), world.running(league) as first:
        await until(works(first), "the first works")
        before = membership(first)
        async with starting(world, door) as second:
            await until(door.has_tried, "the second has tried for longer than a heartbeat")
            assert "InvalidPasswordError" in str(second.status().outage)
            assert not second.status().assigned
            assert membership(first) == before
            assert first.status().positioned
            await world.send(a_player("ana"), a_goal("ana", "g1"))
            await world.until_seen(("ana", "g1", 1))
        assert membership(first) == before


async def test_a_process_that_lost_its_session_does_not_take_the_lanes_back_from_its_heir(
    world: ToyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_to_end: list[int] = []
    monkeypatch.setattr(signal, "raise_signal", told_to_end.append)
    door = PostgresGate(world)
    league = world.league.service
    async with world.running(world.league.board_service), world.running(league, connect=door.connect) as first:
        await until(works(first), "the first works")
        door.shut = True
        first._membership.close()
        async with world.running(league) as heir:
            await until(works(heir), "the heir works")
            before, door.tries = membership(heir), 0
            await until(door.has_tried, "the first has tried for longer than a heartbeat")
            assert membership(heir) == before
            await world.send(a_player("ana"), a_goal("ana", "g1"))
            await world.until_seen(("ana", "g1", 1))
            door.shut = False

            async def ends() -> bool:
                return bool(told_to_end)

            await until(ends, "the first finds another under its name, and ends itself")
            assert set(told_to_end) == {signal.SIGTERM}
            assert membership(heir) == before


async def test_a_process_joins_as_soon_as_it_can_log_in(world: ToyWorld) -> None:
    door = PostgresGate(world, shut=True)
    async with starting(world, door) as engine:
        await until(door.has_tried, "it has tried for a while")
        assert not engine.status().assigned
        door.shut = False
        await until(works(engine), "it works")
        assert engine.status().outage is None
