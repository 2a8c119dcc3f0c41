"""The enrollment service without Kafka, on a real Postgres."""

from collections.abc import AsyncIterator

import pytest

from tests.infrastructure import Database, PostgresServer
from tests.integration.enrollment.harness import EnrollmentHarness, create_harness


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    """Lend a database with the schema of the service."""
    lent = await postgres.lend("enrollment")
    yield lent
    await postgres.take_back(lent)


@pytest.fixture
async def harness(database: Database) -> AsyncIterator[EnrollmentHarness]:
    harness = await create_harness(database)
    yield harness
    await harness.connection.close()
