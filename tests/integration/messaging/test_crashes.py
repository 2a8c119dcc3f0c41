"""Crashes, repeats and resets: an engine ends at a named point, and another goes on."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from shared.messaging import probe
from tests.integration.messaging.running import World, a_goal, a_player, until

POINTS = ("before_commit", "after_commit", "after_publish", "after_note")


class Crash(BaseException):
    """The process is gone: nothing may catch it and carry on."""


@contextmanager
def crashing(point: str, after: int = 1) -> Iterator[list[int]]:
    """From the nth time it is reached, nobody gets past this point."""
    reached = [0]

    def listen(here: str) -> None:
        if here == point:
            reached[0] += 1
            if reached[0] >= after:
                raise Crash(point)

    probe.listen(listen)
    try:
        yield reached
    finally:
        probe.forget(listen)


@asynccontextmanager
async def crashed(world: World, point: str) -> AsyncIterator[None]:
    """A league that dies at the point; what it has not let go of is cut off, as the kernel would."""
    with crashing(point) as reached:
        async with world.killed_at_the_end(world.league.service):
            yield

            async def there() -> bool:
                return reached[0] > 0

            await until(there, f"the engine has come to {point}")


@pytest.mark.parametrize("point", POINTS)
async def test_an_engine_that_dies_anywhere_loses_nothing_and_repeats_nothing(world: World, point: str) -> None:
    async with world.running(world.league.board_service):
        async with crashed(world, point):
            await world.send(a_player("ana"), a_goal("ana", "g1"), a_goal("ana", "g2"))
        async with world.running(world.league.service):
            await world.send(a_goal("ana", "g3"))
            await world.until_seen(("ana", "g1", 1), ("ana", "g2", 2), ("ana", "g3", 3))


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
