"""Local Kafka: acknowledged records survive every end of the broker."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local.kafka import Kafka
from deploy.local.processes import DidNotStart


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    broker = Kafka(tmp_path_factory.mktemp("kafka"))
    broker.start()
    yield broker
    broker.stop()


async def test_record_survives_an_orderly_restart_on_the_same_port(broker: Kafka) -> None:
    await _write(broker, "orderly", b"kept")
    port = broker.port

    await asyncio.to_thread(broker.restart)

    assert broker.port == port
    assert await _read(broker, "orderly") == b"kept"


async def test_acknowledged_record_survives_a_kill(broker: Kafka) -> None:
    await _write(broker, "killed", b"kept")

    broker.kill()
    assert not broker.answers()
    await asyncio.to_thread(broker.start)

    assert await _read(broker, "killed") == b"kept"


def test_broker_refuses_to_start_on_a_taken_port(broker: Kafka, tmp_path: Path) -> None:
    second = Kafka(tmp_path, broker.port)
    with pytest.raises(DidNotStart, match="is taken"):
        second.start()
    assert second.process is None


async def _write(broker: Kafka, topic: str, value: bytes) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")
    await producer.start()
    await producer.send_and_wait(topic, value)
    await producer.stop()


async def _read(broker: Kafka, topic: str) -> bytes | None:
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap)
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        value: bytes | None = (await asyncio.wait_for(consumer.getone(), timeout=30)).value
        return value
    finally:
        await consumer.stop()
