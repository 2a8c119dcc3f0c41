"""The enrollment service without Kafka, on a real Postgres."""

from collections.abc import AsyncIterator

import pytest

from tests.infrastructure import Database, PostgresServer
from tests.integration.enrollment.harness import EnrollmentHarness, create_harness


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    """With the schema of the service in it."""
    lent = await postgres.lend("enrollment")
    yield lent
    await postgres.take_back(lent)


@pytest.fixture
async def harness(database: Database) -> AsyncIterator[EnrollmentHarness]:
    """A fresh schema of the service, and a session in it."""
    harness = await create_harness(database)
    yield harness
    await harness.connection.close()
