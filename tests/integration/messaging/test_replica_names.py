"""Of two processes of one name, the one without a working Postgres session leaves the lanes to the other."""

import signal

import pytest

from tests.integration.messaging.postgres_gate import PostgresGate, membership, starting, works
from tests.integration.messaging.toy_world import ToyWorld, a_goal, a_player
from tests.timeouts import until


async def test_second_process_of_a_name_that_cannot_log_in_changes_nothing(world: ToyWorld) -> None:
    gate = PostgresGate(world, shut=True)
    league = world.league.service
    async with world.running(world.league.board_service), world.running(league) as first:
        await until(works(first), "the first works")
        before = membership(first)
        async with starting(world, gate) as second:
            await until(gate.has_tried, "the second has tried for longer than a heartbeat")
            assert "InvalidPasswordError" in str(second.status().outage)
            assert not second.status().assigned
            assert membership(first) == before
            assert first.status().positioned
            await world.send(a_player("ana"), a_goal("ana", "g1"))
            await world.until_seen(("ana", "g1", 1))
        assert membership(first) == before


async def test_process_without_a_session_leaves_its_lanes_to_the_successor(
    world: ToyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals: list[int] = []
    monkeypatch.setattr(signal, "raise_signal", signals.append)
    gate = PostgresGate(world)
    league = world.league.service
    async with world.running(world.league.board_service), world.running(league, connect=gate.connect) as first:
        await until(works(first), "the first works")
        gate.shut = True
        first._membership.close()
        async with world.running(league) as successor:
            await until(works(successor), "the successor works")
            before, gate.tries = membership(successor), 0
            await until(gate.has_tried, "the first has tried for longer than a heartbeat")
            assert membership(successor) == before
            await world.send(a_player("ana"), a_goal("ana", "g1"))
            await world.until_seen(("ana", "g1", 1))
            gate.shut = False

            async def ends() -> bool:
                return bool(signals)

            await until(ends, "the first finds its name taken, and ends itself")
            assert set(signals) == {signal.SIGTERM}
            assert membership(successor) == before


async def test_process_joins_as_soon_as_it_can_log_in(world: ToyWorld) -> None:
    gate = PostgresGate(world, shut=True)
    async with starting(world, gate) as engine:
        await until(gate.has_tried, "it has tried for a while")
        assert not engine.status().assigned
        gate.shut = False
        await until(works(engine), "it works")
        assert engine.status().outage is None
