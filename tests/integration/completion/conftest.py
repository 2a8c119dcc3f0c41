"""The completion service without Kafka, on a real Postgres."""

from collections.abc import AsyncIterator

import pytest

from tests.infrastructure import Database, PostgresServer
from tests.integration.completion.harness import CompletionHarness, create_harness


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    """Lend a database with the schema of the service."""
    lent = await postgres.lend("completion")
    yield lent
    await postgres.take_back(lent)


@pytest.fixture
async def harness(database: Database) -> AsyncIterator[CompletionHarness]:
    harness = await create_harness(database)
    yield harness
    await harness.connection.close()
