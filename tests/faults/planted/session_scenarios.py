"""Scenarios about processes and their PostgreSQL sessions; each returns breaches."""

from functools import partial

from asyncpg import Connection

from shared.postgres.migrations import confirm, load_migrations
from tests.faults.planted.planted_harness import PlantedHarness, differences
from tests.integration.messaging.postgres_gate import PostgresGate, membership, starting, works
from tests.integration.messaging.toy_world import a_goal, a_player
from tests.timeouts import until

OURS = load_migrations("shared.messaging")


async def the_schema_is_migrated_by_a_newer_version(harness: PlantedHarness) -> list[str]:
    """Let the older version run on, which must stop taking effect."""
    async with harness.toy() as toy, toy.running(toy.league.board_service):
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
                await until(refused, "it refuses", harness.patience)
            except AssertionError:
                await toy.send(a_goal("ana", "g2"))
                await toy.until_seen(*ours, ("ana", "g2", 2))
            return differences(await toy.seen(), ours)


async def a_second_process_of_a_name_cannot_log_in(harness: PlantedHarness) -> list[str]:
    """Expect the first process to go on undisturbed."""
    async with harness.toy() as toy, toy.running(toy.league.service) as first:
        await until(works(first), "the first works")
        door, before = PostgresGate(toy, shut=True), membership(first)
        async with starting(toy, door):
            await until(door.has_tried, "the second has tried for longer than a heartbeat")
        return [] if membership(first) == before else ["the lanes were taken from the first process"]
