"""The schema a program was made for: with another it is refused, at the start and while it runs."""

import asyncio

import asyncpg
import pytest

from shared.postgres.migrations import Migration, grants, load_migrations, migrate
from tests.infrastructure import Database
from tests.integration.messaging.toy_world import a_player
from tests.integration.runtime.conftest import Toy
from tests.integration.runtime.test_process import PLAYER, send
from tests.timeouts import until

NEWER = "insert into migration values ('messaging', 9999, 'of_tomorrow', '', now())"
OLDER = "delete from migration where number = (select max(number) from migration)"
OTHER = "update migration set checksum = 'another' where number = 1"
NONE = "drop table migration"

SENTENCES = {
    NEWER: "it has messaging/9999; start the program that made it, or a newer one",
    OLDER: "the schema is older than this program: it lacks messaging/",
    OTHER: "messaging/0001_engine was changed after it had been applied",
    NONE: "the schema has not been made; run `migrate`",
}
TOMORROW = Migration("messaging", 9999, "of_tomorrow", "alter table player add column number integer not null")


@pytest.mark.parametrize("change", SENTENCES)
async def test_another_programs_schema_is_refused_by_every_verb(toy: Toy, change: str) -> None:
    await toy.connection.execute(change)
    for verb in (
        ("run",),
        ("lanes",),
        ("verify",),
        ("parked", "list"),
        ("lanes", "resume", "1", "--who", "w", "--why", "w"),
    ):
        output = await toy.run_verb(*verb, status=2)
        assert SENTENCES[change] in output
        assert len(output.strip().splitlines()) == 1
        assert ("run `migrate`" in output) == (change in (OLDER, NONE))


@pytest.mark.parametrize("change", [NEWER, OLDER])
async def test_running_process_stops_while_the_schema_is_another_programs(toy: Toy, change: str) -> None:
    async with toy.run_process():
        await until(lambda: toy.is_up("/health/ready"), "it is ready")
        await toy.connection.execute(f"create table kept as table migration; {change}")

        async def refused() -> bool:
            answer = await toy.get("/health/ready")
            return answer.status_code == 503 and SENTENCES[change] in " ".join(answer.json()["reasons"])

        async def not_anchored() -> bool:
            return "have not been found" in " ".join((await toy.get("/health/ready")).json()["reasons"])

        await until(refused, "it says so")
        await until(not_anchored, "it reads nothing any more")
        await send(toy, a_player(PLAYER))
        assert (await toy.get("/lanes")).status_code == 503
        assert not await toy.connection.fetchval("select true from player")
        await toy.connection.execute("truncate migration; insert into migration table kept; drop table kept")
        await until(lambda: toy.is_up("/health/ready"), "it is ready again")
        await until(lambda: toy.connection.fetchval("select true from player"), "what came meanwhile is handled")
        assert all(lane["reason"] is None for lane in (await toy.get("/lanes")).json()["lanes"])


async def test_migration_ends_the_sessions_of_the_program_before(toy: Toy, database: Database) -> None:
    """A batch waits behind the migration. It would write into the new schema, which it does not know."""
    writer = f"{toy.league.service}-1 writer"
    waits = "select true from pg_stat_activity where wait_event_type = 'Lock' and application_name = $1"
    holder, observer = [await asyncpg.connect(database.url) for _ in range(2)]
    async with toy.run_process(TOY_SWEEP_EVERY_SECONDS="60"):
        await until(lambda: toy.is_up("/health/ready"), "it is ready")
        await holder.execute("begin; lock table enrollment.player in access share mode")
        migrating = asyncio.create_task(
            migrate(
                toy.environment["TOY_MIGRATE_URL"],
                [*load_migrations("shared.messaging"), TOMORROW],
                [grants("shared.messaging")],
            )
        )
        await until(lambda: observer.fetchval(waits, "migrate"), "the migration waits")
        await send(toy, a_player(PLAYER))
        await until(lambda: observer.fetchval(waits, writer), "the batch waits behind it")
        await holder.execute("commit")
        assert await migrating == [TOMORROW]

        async def refused() -> bool:
            return SENTENCES[NEWER] in (await toy.get("/health/ready")).text

        await until(refused, "it says so")
        for query in ("player", "parked", "lane where stopped_reason is not null"):
            assert await observer.fetch(f"select * from enrollment.{query}") == []
    await holder.close()
    await observer.close()
