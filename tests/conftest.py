"""What every kind of test may ask for."""

import inspect
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.infrastructure import (
    Database,
    KafkaServer,
    PostgresServer,
    kafka_server,
    postgres_server,
)
from tests.timeouts import bounded

TESTS = Path(__file__).parent
# Less than pytest's own limit, which can only break off in the middle: what runs would stay in the loop of all tests.
TEST_SECONDS = 150.0
# What takes longest begins first, so that no worker is left alone with it in the end.
LONGEST = ("faults", "acceptance", "upgrade", "integration", "properties")


def pytest_configure() -> None:
    """A run that is told to end does so as after Ctrl-C: what it started is stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server, so that `make quick` can leave it out; let no test wait for ever."""
    items.sort(key=_kind)
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.obj = bounded(item.obj, TEST_SECONDS)
        if {"kafka", "postgres"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("server")


def _kind(item: pytest.Item) -> int:
    kind = item.path.relative_to(TESTS).parts[0]
    return LONGEST.index(kind) if kind in LONGEST else len(LONGEST)


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
async def empty_database(postgres: PostgresServer) -> AsyncIterator[Database]:
    """A fresh database with the roles and empty schemas of the three services."""
    fresh = await postgres.fresh_database()
    yield fresh
    await postgres.drop(fresh)


@pytest.fixture
def database(empty_database: Database) -> Database:
    """The database of a test. The folders of the services have it lent, with their schema in it."""
    return empty_database
