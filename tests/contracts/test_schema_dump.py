"""`schema.sql` of the engine and of each service is what their migrations add up to."""

import re

import pytest

from shared.contracts.topics import SERVICES
from shared.postgres.migrations import ENGINE
from shared.postgres.schema_dump import SCRATCH_SCHEMA, dump_schema, schema_file
from shared.postgres.session import connect
from tests.infrastructure import Database

PACKAGES = (ENGINE, *(f"services.{service}" for service in SERVICES))


@pytest.mark.parametrize("package", PACKAGES)
async def test_schema_file_is_what_the_migrations_add_up_to(database: Database, package: str) -> None:
    connection = await connect(database.url, "test")
    dumped = await dump_schema(connection, package)
    await connection.close()
    assert schema_file(package).read_text() == dumped, "run `make schemas`"


def test_no_table_is_in_two_schema_files() -> None:
    tables = {
        package: set(re.findall(r"^create table (\w+)", schema_file(package).read_text(), re.M)) for package in PACKAGES
    }
    assert all(tables.values())
    assert not any(tables[package] & tables[ENGINE] for package in PACKAGES[1:])


async def test_dump_leaves_nothing_behind(database: Database) -> None:
    connection = await connect(database.url, "test")
    await dump_schema(connection, "services.payment")
    left = await connection.fetchval("select count(*) from pg_namespace where nspname = $1", SCRATCH_SCHEMA)
    search_path = await connection.fetchval("show search_path")
    await connection.close()
    assert (left, search_path) == (0, '"$user", public')
