"""Short stories about a process and its Postgres sessions. A story returns the breaches that the proofs find."""

from functools import partial

from asyncpg import Connection

from shared.postgres.migrate import confirm, load
from tests.faults.planted.ground import Ground, differences
from tests.integration.messaging.doors import Door, membership, starting, works
from tests.integration.messaging.running import a_goal, a_player
from tests.waiting import until

OURS = load("shared.messaging")


async def the_schema_becomes_a_newer_programs(ground: Ground) -> list[str]:
    """While the older one runs: it reads on without effect from there."""
    async with ground.toy() as toy, toy.running(toy.league.board_service):
        league, ours = toy.league.service, [("ana", "g1", 1)]

        async def connect(name: str) -> Connection:
            connection = await toy.open(league, name)
            await confirm(connection, OURS)
            return connection

        async with toy.running(league, connect=connect, confirm=partial(confirm, migrations=OURS)) as engine:
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


async def a_second_process_of_a_name_cannot_log_in(ground: Ground) -> list[str]:
    """The first goes on as if nobody had come."""
    async with ground.toy() as toy, toy.running(toy.league.service) as first:
        await until(works(first), "the first works")
        door, before = Door(toy, shut=True), membership(first)
        async with starting(toy, door):
            await until(door.tried, "the second has tried for longer than a heartbeat")
        return [] if membership(first) == before else ["the lanes were taken from whoever works"]
