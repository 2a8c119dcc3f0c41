"""Fixtures and rules for every kind of test."""

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
# Less than pytest's own limit, which breaks off in the middle and would leave tasks in the event loop of all tests.
TEST_SECONDS = 150.0
# The slowest kinds begin first, so that no worker ends with them alone.
LONGEST = ("faults", "acceptance", "upgrade", "integration", "properties")


def pytest_configure() -> None:
    """End a run at SIGTERM as at Ctrl-C, so that all started processes are stopped."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that need a server, which `make quick` leaves out, and bound every test in time."""
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
    """Provide a broker for the whole run; each test creates its own topics."""
    with kafka_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Provide a database server for the whole run."""
    with postgres_server() as server:
        yield server


@pytest.fixture
async def empty_database(postgres: PostgresServer) -> AsyncIterator[Database]:
    """Provide a fresh database with the roles and empty schemas of the three services."""
    fresh = await postgres.fresh_database()
    yield fresh
    await postgres.drop(fresh)


@pytest.fixture
def database(empty_database: Database) -> Database:
    """Provide a test's database; the services' folders override it by a lent one with their schema."""
    return empty_database
