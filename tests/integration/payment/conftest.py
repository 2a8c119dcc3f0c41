"""The payment service without Kafka, on a real Postgres."""

from collections.abc import AsyncIterator

import pytest

from tests.infrastructure import Database, PostgresServer
from tests.integration.payment.facts import journey
from tests.integration.payment.harness import PaymentHarness, create_harness


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    """With the schema of the service in it."""
    lent = await postgres.lend("payment")
    yield lent
    await postgres.take_back(lent)


@pytest.fixture
async def harness(database: Database) -> AsyncIterator[PaymentHarness]:
    """A fresh schema of the service, and a session in it. At the end every invariant holds."""
    harness = await create_harness(database)
    yield harness
    assert await harness.breaches() == []
    await harness.connection.close()


@pytest.fixture
async def told(harness: PaymentHarness) -> PaymentHarness:
    """Fee and incentive have been instructed."""
    await harness.prepare()
    await harness.receive(*journey())
    return harness
