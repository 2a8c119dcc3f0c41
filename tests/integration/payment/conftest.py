"""The payment service without Kafka, on a real Postgres."""

from collections.abc import AsyncIterator

import pytest

from tests.infrastructure import Database, PostgresServer
from tests.integration.payment.bench import Bench, a_bench
from tests.integration.payment.facts import journey


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    """With the schema of the service in it."""
    lent = await postgres.lend("payment")
    yield lent
    await postgres.take_back(lent)


@pytest.fixture
async def bench(database: Database) -> AsyncIterator[Bench]:
    """A fresh schema of the service, and a session in it. At the end every invariant holds."""
    bench = await a_bench(database)
    yield bench
    assert await bench.breaches() == []
    await bench.connection.close()


@pytest.fixture
async def told(bench: Bench) -> Bench:
    """Fee and incentive have been instructed."""
    await bench.prepare()
    await bench.receive(*journey())
    return bench
