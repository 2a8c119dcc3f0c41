"""A broker for the stories of planted bugs alone: their topics are many, and others would have to share its files."""

from collections.abc import Iterator

import pytest

from tests.infrastructure import KafkaServer, kafka_server


@pytest.fixture(scope="module")
def kafka() -> Iterator[KafkaServer]:
    with kafka_server() as server:
        yield server
