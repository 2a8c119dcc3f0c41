"""Roles: in one database the services see nothing of each other, and may change no guard."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.local.keys import make_password_file
from deploy.local.roles import ROLES, create_roles, owner_of
from shared.contracts.topics import SERVICES
from tests.infrastructure import PASSWORD, Database, PostgresServer


@pytest.mark.parametrize("service", SERVICES)
async def test_owner_creates_tables_in_the_services_schema(database: Database, service: str) -> None:
    connection = await asyncpg.connect(database.url_of(owner_of(service)))
    await connection.execute("CREATE TABLE note (id bigint)")
    schema = await connection.fetchval("SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = 'note'")
    await connection.close()
    assert schema == service


@pytest.mark.parametrize("role", ["completion", "payment", "completion_owner", "payment_owner"])
async def test_no_role_sees_another_services_tables(database: Database, role: str) -> None:
    owner = await asyncpg.connect(database.url_of("enrollment_owner"))
    await owner.execute("CREATE TABLE secret AS SELECT 1 AS number")
    await owner.close()

    connection = await asyncpg.connect(database.url_of(role))
    for statement in ("SELECT number FROM enrollment.secret", "SET ROLE enrollment", "SET ROLE enrollment_owner"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()


# Statements that a compromised service must not be able to run.
REFUSED = [
    # change the guards
    "ALTER TABLE transfer DISABLE TRIGGER ALL",
    "ALTER TABLE transfer DISABLE TRIGGER transfers_are_append_only",
    "DROP TRIGGER transfers_are_append_only ON transfer",
    "ALTER TABLE disbursement DROP CONSTRAINT held_for_a_reason",
    "DROP INDEX attempt_only_adopted",
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "ALTER FUNCTION refuse_change() OWNER TO payment",
    "DROP FUNCTION refuse_change() CASCADE",
    "SELECT refuse_change()",
    "SET session_replication_role = replica",
    # change or delete rows that are permanent
    "UPDATE transfer SET amount = 1",
    "DELETE FROM transfer",
    "UPDATE operation SET who = 'nobody'",
    "DELETE FROM operation",
    "DELETE FROM disbursement",
    "UPDATE disbursement SET amount = 1",
    "UPDATE disbursement SET participant_id = '4810000000000017'",
    "DELETE FROM attempt",
    "UPDATE attempt SET partner = 'dana'",
    "UPDATE attempt SET amount = 1",
    "DELETE FROM appropriation",
    "UPDATE provider SET account = 'x'",
    "DELETE FROM book",
    "DELETE FROM lane",
    "UPDATE migration SET checksum = ''",
    "DELETE FROM migration",
    "TRUNCATE transfer",
    "TRUNCATE waiting",
    "ALTER TABLE transfer OWNER TO payment",
    "DROP TABLE transfer",
    "DROP SCHEMA payment CASCADE",
    # create objects
    "CREATE SCHEMA another",
    "CREATE TABLE note (id bigint)",
    "CREATE VIEW note AS SELECT 1",
    "CREATE FUNCTION note() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TABLE public.note (id bigint)",
    "CREATE TABLE completion.note (id bigint)",
    "CREATE TEMPORARY TABLE note (id bigint)",
    "CREATE EXTENSION pg_trgm",
    "CREATE ROLE another",
    # become another role
    "SET ROLE payment_owner",
    "SET ROLE completion",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "ALTER ROLE payment SUPERUSER",
    "ALTER ROLE payment_owner PASSWORD 'mine'",
    "GRANT payment_owner TO payment",
    # reach the machine
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'",
]


async def test_forbidden_statements_of_a_service_are_refused(database: Database) -> None:
    observer = await asyncpg.connect(database.url)
    connection = await asyncpg.connect(await database.migrate("payment"))
    allowed = []
    for statement in REFUSED:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute(statement)
            allowed.append(statement)
        except asyncpg.InsufficientPrivilegeError:
            pass
        finally:
            await transaction.rollback()
    await connection.close()
    await observer.close()
    assert allowed == []


async def test_no_service_role_can_enter_a_maintenance_database(database: Database) -> None:
    for role in ROLES:
        for name in ("postgres", "template1"):
            elsewhere = urlsplit(database.url_of(role))._replace(path=f"/{name}").geturl()
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await asyncpg.connect(elsewhere)


async def test_tables_change_owner_while_their_service_runs(database: Database) -> None:
    """Start from an installation whose services owned their schemas; the change must not end their sessions."""
    superuser = await asyncpg.connect(database.url)
    await superuser.execute(
        "ALTER SCHEMA payment OWNER TO payment; SET ROLE payment; CREATE TYPE payment.kind AS ENUM ('a');"
        "CREATE TABLE payment.note (id bigint generated always as identity, kind payment.kind);"
        "CREATE FUNCTION payment.note() RETURNS int LANGUAGE sql AS 'SELECT 1'; RESET ROLE"
    )
    running = await asyncpg.connect(database.url_of("payment"))
    for _ in range(2):
        await create_roles(database.url, dict.fromkeys(ROLES, PASSWORD))
        await running.execute("INSERT INTO note (kind) VALUES ('a'); UPDATE note SET kind = 'a'; DELETE FROM note")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await running.execute("DROP TABLE note")
    owners = await superuser.fetch(
        "SELECT relowner::regrole::text AS owner FROM pg_class WHERE relnamespace = 'payment'::regnamespace"
        " UNION SELECT proowner::regrole::text FROM pg_proc WHERE pronamespace = 'payment'::regnamespace"
        " UNION SELECT typowner::regrole::text FROM pg_type WHERE typnamespace = 'payment'::regnamespace"
        " UNION SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'payment'"
    )
    assert [row["owner"] for row in owners] == ["payment_owner"]
    await running.close()
    await superuser.close()


async def test_service_cannot_enter_an_unprepared_database(postgres: PostgresServer, database: Database) -> None:
    connection = await asyncpg.connect(postgres.url)
    await connection.execute(f'CREATE DATABASE "{database.name}_bare"')
    await connection.execute(f'REVOKE ALL ON DATABASE "{database.name}_bare" FROM PUBLIC')
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(f"{database.url_of('payment')}_bare")
    await connection.execute(f'DROP DATABASE "{database.name}_bare"')
    await connection.close()


async def test_service_connects_with_a_password_file(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "payment.password").write_text(PASSWORD)
    make_password_file(tmp_path, "payment")
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "payment.pgpass"))

    connection = await asyncpg.connect(database.url_of("payment").replace(f":{PASSWORD}@", "@"))

    assert await connection.fetchval("SELECT current_user") == "payment"
    await connection.close()


async def test_roles_can_be_created_in_several_databases_at_once(
    postgres: PostgresServer,
) -> None:
    databases = await asyncio.gather(*(postgres.fresh_database() for _ in range(4)))
    passwords = dict.fromkeys(ROLES, PASSWORD)
    await asyncio.gather(*(create_roles(database.url, passwords) for database in databases))
    for database in databases:
        connection = await asyncpg.connect(database.url_of("payment"))
        assert await connection.fetchval("SELECT current_schema()") == "payment"
        await connection.close()
        await postgres.drop(database)


async def test_database_copy_holds_the_rows(postgres: PostgresServer, database: Database) -> None:
    connection = await asyncpg.connect(database.url_of("payment_owner"))
    await connection.execute("CREATE TABLE note AS SELECT 1 AS number")
    await connection.close()

    copy = await postgres.fresh_database(like=database)

    connection = await asyncpg.connect(copy.url_of("payment_owner"))
    assert await connection.fetchval("SELECT number FROM note") == 1
    await connection.close()
    await postgres.drop(copy)
