"""Processes of the league whose way into Postgres is shut, and what Kafka says of them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import asyncpg
from asyncpg import Connection

from shared.messaging.engine.engine import Engine
from tests.integration.messaging.toy_world import ToyWorld, leave
from tests.timeouts import within

# Half a second apart: longer than it takes a member to hear, at its next heartbeat, that another has its name.
TRIES = 8
LEAVES_WITHIN_SECONDS = 5.0


class PostgresGate:
    """The way into Postgres, which can be shut. `tries`: how often somebody has come to it in vain."""

    def __init__(self, world: ToyWorld, *, shut: bool = False) -> None:
        self.shut = shut
        self.tries = 0
        self._world = world

    async def connect(self, name: str) -> Connection:
        if self.shut:
            self.tries += name == "writer"
            raise asyncpg.InvalidPasswordError("password authentication failed")
        return await self._world.open(self._world.league.service, name)

    async def has_tried(self) -> bool:
        return self.tries >= TRIES


def membership(engine: Engine) -> tuple[str, int]:
    """How Kafka knows it: a new one for each joining."""
    assert engine._assignment.consumer is not None
    coordinator = engine._assignment.consumer._coordinator
    return coordinator.member_id, coordinator.generation


@contextlib.asynccontextmanager
async def starting(world: ToyWorld, gate: PostgresGate) -> AsyncIterator[Engine]:
    """An engine of the league whose broker is on its way, as long as that may take."""
    engine = Engine(replace(world.plan(world.league.service), connect=gate.connect))
    await engine.start()
    on_its_way = asyncio.create_task(engine.broker.start())
    try:
        yield engine
    finally:
        await within(LEAVES_WITHIN_SECONDS, "whoever has not come in leaves", leave(engine))
        on_its_way.cancel()
        await asyncio.gather(on_its_way, return_exceptions=True)


def works(engine: Engine) -> Callable[[], Awaitable[bool]]:
    async def positioned() -> bool:
        return engine._assignment.positioned and bool(engine._assignment.lanes)

    return positioned
