"""The toy on a real Kafka and a real Postgres: a league writes totals, a board reads them."""

import uuid
from collections.abc import AsyncIterator

import pytest

from tests.infrastructure import Database, KafkaServer
from tests.integration.messaging.toy import League
from tests.integration.messaging.toy_world import ToyWorld


@pytest.fixture
async def world(kafka: KafkaServer, database: Database) -> AsyncIterator[ToyWorld]:
    """Topics and schemas of a toy that no other test shares."""
    world = ToyWorld(kafka.bootstrap, database, League(uuid.uuid4().hex[:8]))
    await world.prepare()
    yield world
    await world.close()
