"""`schema.sql` of each service shows what its migrations add up to."""

import pytest

from shared.postgres.schema_dump import dump_service_schema, schema_file
from shared.postgres.session import connect
from tests.infrastructure import Database


@pytest.mark.parametrize("service", ["enrollment", "completion", "payment"])
async def test_the_picture_of_the_schema_is_true(database: Database, service: str) -> None:
    connection = await connect(database.url, "picture")
    drawn = await dump_service_schema(connection, f"services.{service}")
    await connection.close()
    assert schema_file(f"services.{service}").read_text() == drawn, "run `make schemas`"


async def test_drawing_leaves_nothing_behind(database: Database) -> None:
    connection = await connect(database.url, "picture")
    await dump_service_schema(connection, "services.payment")
    left = await connection.fetchval("select count(*) from pg_namespace where nspname = 'picture'")
    search_path = await connection.fetchval("show search_path")
    await connection.close()
    assert (left, search_path) == (0, '"$user", public')
