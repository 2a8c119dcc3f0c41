"""What every kind of test may ask for."""

import signal
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.infrastructure import (
    Database,
    KafkaServer,
    PostgresServer,
    kafka_server,
    postgres_server,
)


def pytest_configure() -> None:
    """A run that is told to end does so as after Ctrl-C: what it started is stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server, so that `make quick` can leave it out."""
    for item in items:
        if {"kafka", "postgres"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("server")


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaServer]:
    """A broker for the whole run; topics are not shared, so each test makes its own."""
    with kafka_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A database server for the whole run."""
    with postgres_server() as server:
        yield server


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    """A fresh database with the roles and empty schemas of the three services."""
    fresh = await postgres.fresh_database()
    yield fresh
    await postgres.drop(fresh)
