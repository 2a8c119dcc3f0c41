"""The bounds of a session, and the errors of a real server."""

import asyncio

import asyncpg
import pytest

from deploy.local.ports import free_port
from shared.postgres.failures import is_infrastructure, is_record_fault
from shared.postgres.session import connect
from tests.infrastructure import Database


async def test_session_has_its_bounds_and_its_schema(database: Database) -> None:
    connection = await connect(database.url_of("payment"), "payment-1 writer")
    shown = {
        name: await connection.fetchval(f"show {name}")
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "jit",
                     "synchronous_commit", "application_name", "search_path", "timezone")
    }  # fmt: skip
    known = connection.get_server_version().major >= 17
    longest = await connection.fetchval("show transaction_timeout") if known else "1min"
    await connection.close()
    assert shown == {
        "statement_timeout": "30s",
        "lock_timeout": "10s",
        "idle_in_transaction_session_timeout": "10s",
        "jit": "off",
        "synchronous_commit": "on",
        "application_name": "payment-1 writer",
        "search_path": "payment",
        "timezone": "UTC",
    }
    assert longest == "1min"


async def test_long_running_session_has_no_time_limit(database: Database) -> None:
    connection = await connect(database.url_of("payment"), "verify", long_running=True)
    assert await connection.fetchval("show statement_timeout") == "0"
    assert await connection.fetchval("show idle_in_transaction_session_timeout") == "10min"
    await connection.close()


async def test_missing_server_is_an_infrastructure_failure() -> None:
    with pytest.raises(OSError) as caught:
        await connect(f"postgresql://payment@127.0.0.1:{free_port()}/salur", "test")
    assert is_infrastructure(caught.value)


async def test_session_ended_by_an_administrator_is_an_infrastructure_failure(database: Database) -> None:
    connection = await connect(database.url_of("payment"), "victim")
    other = await asyncpg.connect(database.url)
    asking = asyncio.create_task(connection.fetchval("select pg_sleep(20)"))
    while not await other.fetchval(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'victim' and query ~ 'sleep'"
    ):
        await asyncio.sleep(0.01)
    # Which of both it is depends on whether the question had been asked as a whole by then.
    with pytest.raises((asyncpg.PostgresError, asyncpg.InternalClientError)) as during:
        await asking
    with pytest.raises(asyncpg.InterfaceError) as after:
        await connection.fetchval("select 1")
    await other.close()
    assert is_infrastructure(during.value)
    assert is_infrastructure(after.value)


async def test_value_that_does_not_fit_is_the_records_fault(database: Database) -> None:
    connection = await connect(database.url_of("payment_owner"), "test")
    await connection.execute("create table amount (amount bigint check (amount > 0))")
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await connection.execute("insert into amount values (0)")
    with pytest.raises(asyncpg.CharacterNotInRepertoireError) as broken:
        await connection.fetchval("select $1::text", "a\x00b")
    await connection.close()
    assert is_record_fault(refused.value)
    assert is_record_fault(broken.value)
