"""Short stories about a process and its Postgres sessions. A story returns the breaches that the proofs find."""

from functools import partial

from asyncpg import Connection

from shared.postgres.migrate import apply, confirm
from tests.faults.planted.ground import Ground, differences
from tests.integration.messaging.running import a_goal, a_player, until


async def the_schema_becomes_a_newer_programs(ground: Ground) -> list[str]:
    """While the older one runs: it reads on without effect from there."""
    async with ground.toy() as toy, toy.running(toy.league.board_service):
        league, ours = toy.league.service, [("ana", "g1", 1)]
        await apply(toy.connection(league), [])

        async def connect(name: str) -> Connection:
            connection = await toy.open(league, name)
            await confirm(connection, ())
            return connection

        async with toy.running(league, connect=connect, confirm=partial(confirm, migrations=())) as engine:
            await toy.send(a_player("ana"), a_goal("ana", "g1"))
            await toy.until_seen(*ours)
            await toy.fetch(league, "insert into migration values ('toy', 1, 'of_tomorrow', '', now())")

            async def refused() -> bool:
                return engine.status().outage is not None

            try:
                await until(refused, "it refuses", ground.patience)
            except AssertionError:
                await toy.send(a_goal("ana", "g2"))
                await toy.until_seen(*ours, ("ana", "g2", 2))
            return differences(await toy.seen(), ours)
