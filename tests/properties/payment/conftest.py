"""Fixtures: the payment service on one database for all examples of a property."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.infrastructure import PostgresServer
from tests.integration.payment.harness import PaymentHarness, create_harness


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Return the loop on which Hypothesis runs examples from synchronous code."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def harness(loop: asyncio.AbstractEventLoop, postgres: PostgresServer) -> Iterator[PaymentHarness]:
    database = loop.run_until_complete(postgres.fresh_database())
    harness = loop.run_until_complete(create_harness(database))
    yield harness
    loop.run_until_complete(harness.connection.close())
    loop.run_until_complete(postgres.drop(database))
