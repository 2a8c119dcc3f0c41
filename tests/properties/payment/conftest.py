"""The payment service on one database for all examples of a property."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.infrastructure import PostgresServer
from tests.integration.payment.bench import Bench, a_bench


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Hypothesis calls its examples from synchronous code."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def bench(loop: asyncio.AbstractEventLoop, postgres: PostgresServer) -> Iterator[Bench]:
    database = loop.run_until_complete(postgres.fresh_database())
    bench = loop.run_until_complete(a_bench(database))
    yield bench
    loop.run_until_complete(bench.connection.close())
    loop.run_until_complete(postgres.drop(database))
