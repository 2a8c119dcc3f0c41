"""Fixtures: the payment service without Kafka, on a real Postgres."""

from collections.abc import AsyncIterator

import pytest

from tests.infrastructure import Database, PostgresServer
from tests.integration.payment.facts import journey
from tests.integration.payment.harness import PaymentHarness, Restored, create_harness


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    """Lend a database with the schema of the service."""
    lent = await postgres.lend("payment")
    yield lent
    await postgres.take_back(lent)


@pytest.fixture
async def harness(database: Database) -> AsyncIterator[PaymentHarness]:
    """Open a session in a fresh schema, and check every invariant at the end."""
    harness = await create_harness(database)
    yield harness
    assert await harness.breaches() == []
    await harness.connection.close()


@pytest.fixture
async def instructed(harness: PaymentHarness) -> PaymentHarness:
    """Return a harness in which fee and incentive have been instructed."""
    await harness.prepare()
    await harness.receive(*journey())
    return harness


@pytest.fixture
async def restored(harness: PaymentHarness, postgres: PostgresServer) -> AsyncIterator[Restored]:
    empty: Database = await postgres.lend("payment")
    await harness.prepare()
    await harness.receive(*journey())
    after = await create_harness(empty)
    yield Restored(harness, after)
    await after.connection.close()
    await postgres.take_back(empty)
