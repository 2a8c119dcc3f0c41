"""Migrations on a real Postgres."""

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from deploy.local.roles import owner_of
from shared.postgres.migrations import Migration, SchemaMismatch, migrate, migrations_of, pending
from shared.postgres.session import connect
from tests.infrastructure import Database

FIRST = Migration("toy", 1, "first", "create table thing (thing text primary key);")
SECOND = Migration("toy", 2, "second", "alter table thing add column size integer; insert into thing values ('a', 1);")


async def fetchval(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_missing_migrations_are_applied_once_in_order(database: Database) -> None:
    url = database.url_of(owner_of("payment"))
    assert await migrate(url, [FIRST]) == [FIRST]
    assert await migrate(url, [FIRST, SECOND]) == [SECOND]
    assert await migrate(url, [FIRST, SECOND]) == []
    assert await fetchval(url, "select size from payment.thing") == 1


async def test_changed_migration_is_refused(database: Database) -> None:
    url = database.url_of(owner_of("payment"))
    await migrate(url, [FIRST])
    with pytest.raises(SchemaMismatch, match="toy/0001_first was changed"):
        await migrate(url, [replace(FIRST, statements=FIRST.statements + " ")])


async def test_older_program_refuses_a_newer_schema(database: Database) -> None:
    url = database.url_of(owner_of("payment"))
    await migrate(url, [FIRST, SECOND])
    with pytest.raises(SchemaMismatch, match="newer than this program: it has toy/0002"):
        await migrate(url, [FIRST])


async def test_failing_migration_leaves_nothing_behind(database: Database) -> None:
    url = database.url_of(owner_of("payment"))
    broken = replace(SECOND, statements=SECOND.statements + " select 1 / 0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(url, [FIRST, broken])
    assert await migrate(url, [FIRST, SECOND]) == [SECOND]


async def test_concurrent_migrations_apply_everything_once(database: Database) -> None:
    url = database.url_of(owner_of("payment"))
    applied = await asyncio.gather(*(migrate(url, [FIRST, SECOND]) for _ in range(4)))
    assert sorted(len(of_one) for of_one in applied) == [0, 0, 0, 2]


async def test_missing_schema_is_created_by_a_role_that_may(database: Database) -> None:
    connection = await asyncpg.connect(database.url)
    await connection.execute("drop schema payment cascade")
    name = await connection.fetchval("select current_database()")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await migrate(database.url_of(owner_of("payment")), [FIRST])
    await connection.execute(f'grant create on database "{name}" to payment_owner')
    assert await migrate(database.url_of(owner_of("payment")), [FIRST]) == [FIRST]
    await connection.execute(f'revoke create on database "{name}" from payment_owner')
    await connection.close()


@pytest.mark.parametrize("service", ["enrollment", "completion", "payment"])
async def test_service_migrates_after_the_engine(database: Database, service: str) -> None:
    url = database.url_of(owner_of(service))
    applied = await migrate(url, migrations_of(f"services.{service}"))
    assert [migration.component for migration in applied][:1] == ["messaging"]
    assert {migration.component for migration in applied} == {"messaging", service}
    connection = await connect(url, "test")
    assert await pending(connection, migrations_of(f"services.{service}")) == []
    assert await connection.fetchval("select count(*) from pg_tables where schemaname = 'public'") == 0
    await connection.close()
