"""The enrollment service without Kafka, on a real Postgres."""

from collections.abc import AsyncIterator

import pytest

from tests.infrastructure import Database, PostgresServer
from tests.integration.enrollment.bench import Bench, a_bench


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    """With the schema of the service in it."""
    lent = await postgres.lend("enrollment")
    yield lent
    await postgres.take_back(lent)


@pytest.fixture
async def bench(database: Database) -> AsyncIterator[Bench]:
    """A fresh schema of the service, and a session in it."""
    bench = await a_bench(database)
    yield bench
    await bench.connection.close()
