"""In one database the services see nothing of each other, and the database itself refuses it."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from deploy.local.keys import make_password_file
from deploy.local.roles import SERVICES, create_roles
from tests.infrastructure import PASSWORD, Database, PostgresServer


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_makes_its_tables_in_its_own_schema(database: Database, service: str) -> None:
    connection = await asyncpg.connect(database.url_of(service))
    await connection.execute("CREATE TABLE note (id bigint)")
    schema = await connection.fetchval("SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = 'note'")
    await connection.close()
    assert schema == service


@pytest.mark.parametrize("stranger", ["completion", "payment"])
async def test_a_service_cannot_read_another_services_table(database: Database, stranger: str) -> None:
    owner = await asyncpg.connect(database.url_of("enrollment"))
    await owner.execute("CREATE TABLE secret AS SELECT 1 AS number")
    await owner.close()

    connection = await asyncpg.connect(database.url_of(stranger))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.fetchval("SELECT number FROM enrollment.secret")
    await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE SCHEMA another",
        "CREATE TABLE public.note (id bigint)",
        "CREATE TABLE completion.note (id bigint)",
        "CREATE TEMPORARY TABLE note (id bigint)",
        "CREATE ROLE another",
        "SET ROLE completion",
    ],
)
async def test_a_service_is_held_to_its_schema(database: Database, statement: str) -> None:
    connection = await asyncpg.connect(database.url_of("payment"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
    await connection.close()


async def test_a_service_cannot_enter_a_database_that_was_not_prepared_for_it(
    postgres: PostgresServer, database: Database
) -> None:
    connection = await asyncpg.connect(postgres.url)
    await connection.execute(f'CREATE DATABASE "{database.name}_bare"')
    await connection.execute(f'REVOKE ALL ON DATABASE "{database.name}_bare" FROM PUBLIC')
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(f"{database.url_of('payment')}_bare")
    await connection.execute(f'DROP DATABASE "{database.name}_bare"')
    await connection.close()


async def test_a_service_connects_with_a_password_file_in_place_of_a_password(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "payment.password").write_text(PASSWORD)
    make_password_file(tmp_path, "payment")
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "payment.pgpass"))

    connection = await asyncpg.connect(database.url_of("payment").replace(f":{PASSWORD}@", "@"))

    assert await connection.fetchval("SELECT current_user") == "payment"
    await connection.close()


async def test_roles_can_be_made_again_at_the_same_time_in_several_databases(
    postgres: PostgresServer,
) -> None:
    databases = await asyncio.gather(*(postgres.fresh_database() for _ in range(4)))
    passwords = dict.fromkeys(SERVICES, PASSWORD)
    await asyncio.gather(*(create_roles(database.url, passwords) for database in databases))
    for database in databases:
        connection = await asyncpg.connect(database.url_of("payment"))
        assert await connection.fetchval("SELECT current_schema()") == "payment"
        await connection.close()
        await postgres.drop(database)


async def test_a_copy_of_a_database_holds_its_rows(postgres: PostgresServer, database: Database) -> None:
    connection = await asyncpg.connect(database.url_of("payment"))
    await connection.execute("CREATE TABLE note AS SELECT 1 AS number")
    await connection.close()

    copy = await postgres.fresh_database(like=database)

    connection = await asyncpg.connect(copy.url_of("payment"))
    assert await connection.fetchval("SELECT number FROM note") == 1
    await connection.close()
    await postgres.drop(copy)
