"""Broker for the scenarios of planted bugs alone, since they create many topics."""

from collections.abc import Iterator

import pytest

from tests.faults.planted.proofs import Proofs
from tests.infrastructure import PostgresServer, kafka_server


@pytest.fixture(scope="module")
def proofs(postgres: PostgresServer) -> Iterator[Proofs]:
    with kafka_server() as kafka:
        yield Proofs(kafka, postgres)
