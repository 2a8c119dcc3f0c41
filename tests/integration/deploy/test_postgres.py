"""Local PostgreSQL: durable, and committed rows survive every end of the server."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from deploy.local.postgres import Postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="salur-test-") as folder:
        server = Postgres(Path(folder), password="one of its own")
        server.start()
        yield server
        server.stop()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("max_wal_size", "4GB"),
        ("listen_addresses", "127.0.0.1"),
    ],
)
async def test_server_is_as_durable_as_in_production(server: Postgres, setting: str, value: str) -> None:
    assert await _ask(server, f"SHOW {setting}") == value


async def test_committed_row_survives_an_orderly_restart(server: Postgres) -> None:
    await _ask(server, "CREATE TABLE orderly AS SELECT 'kept' AS word")
    began = await _ask(server, "SELECT pg_postmaster_start_time()")

    await asyncio.to_thread(server.restart)

    assert await _ask(server, "SELECT word FROM orderly") == "kept"
    assert await _ask(server, "SELECT pg_postmaster_start_time()") != began


async def test_committed_row_survives_a_kill(server: Postgres) -> None:
    await _ask(server, "CREATE TABLE killed AS SELECT 'kept' AS word")

    server.kill()
    assert not server.answers()
    await asyncio.to_thread(server.start)

    assert await _ask(server, "SELECT word FROM killed") == "kept"


async def test_wrong_password_is_refused(server: Postgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url().replace("one of its own", "another"))


async def _ask(server: Postgres, statement: str) -> object:
    connection = await asyncpg.connect(server.url())
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()
