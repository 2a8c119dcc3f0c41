"""Engines of the league that cannot log in to Postgres, and their membership in the consumer group."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import asyncpg
from asyncpg import Connection

from shared.messaging.engine.engine import Engine
from tests.integration.messaging.toy_world import ToyWorld, leave
from tests.timeouts import within

# Half a second apart: longer than a member needs to learn, by its next heartbeat, that another has joined as it.
TRIES = 8
LEAVES_WITHIN_SECONDS = 5.0


class PostgresGate:
    """A login to Postgres that can be refused. `tries` counts the refused logins of writers."""

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
    """Return the member id and generation in the consumer group; both change with each joining."""
    assert engine._assignment.consumer is not None
    coordinator = engine._assignment.consumer._coordinator
    return coordinator.member_id, coordinator.generation


@contextlib.asynccontextmanager
async def starting(world: ToyWorld, gate: PostgresGate) -> AsyncIterator[Engine]:
    """Start an engine of the league without waiting until its broker has joined the group."""
    engine = Engine(replace(world.plan(world.league.service), connect=gate.connect))
    await engine.start()
    on_its_way = asyncio.create_task(engine.broker.start())
    try:
        yield engine
    finally:
        await within(LEAVES_WITHIN_SECONDS, "the engine leaves, joined or not", leave(engine))
        on_its_way.cancel()
        await asyncio.gather(on_its_way, return_exceptions=True)


def works(engine: Engine) -> Callable[[], Awaitable[bool]]:
    async def positioned() -> bool:
        return engine._assignment.positioned and bool(engine._assignment.lanes)

    return positioned
