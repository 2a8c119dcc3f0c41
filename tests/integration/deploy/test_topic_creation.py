"""Creation of topics: as the contracts define them, and repeatable."""

import uuid

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource as AlteredResource
from aiokafka.admin.config_resource import ConfigResourceType
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource

from deploy.local.topic_creation import WrongTopic, create_topics
from shared.contracts.topics import Topic
from tests.infrastructure import KafkaServer


@pytest.fixture
def name() -> str:
    return f"topic-{uuid.uuid4().hex[:8]}"


def settings_of(kafka: KafkaServer, name: str) -> dict[str, str]:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    (answer,) = admin.describe_configs([ConfigResource("topic", name)]).values()
    return {setting: str(entry.value) for setting, entry in answer.result(timeout=30).items()}


async def alter(kafka: KafkaServer, name: str, settings: dict[str, str]) -> None:
    """Alter a topic as an operator does; settings that are not listed are reset."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        await admin.alter_configs([AlteredResource(ConfigResourceType.TOPIC, name, settings)])
    finally:
        await admin.close()


def partitions_of(kafka: KafkaServer, name: str) -> int:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    return len(admin.list_topics(name, timeout=30).topics[name].partitions)


@pytest.mark.parametrize(("internal", "largest"), [(False, 1_048_588), (True, 2_097_152)])
async def test_topic_has_broker_clock_partitions_and_size_limit(
    kafka: KafkaServer, name: str, internal: bool, largest: int
) -> None:
    await create_topics(kafka.bootstrap, [Topic(name, 12, internal)])

    settings = settings_of(kafka, name)
    assert settings["message.timestamp.type"] == "LogAppendTime"
    assert settings["max.message.bytes"] == str(largest)
    assert partitions_of(kafka, name) == 12


async def test_existing_topic_stays_unchanged(kafka: KafkaServer, name: str) -> None:
    await create_topics(kafka.bootstrap, [Topic(name, 3, False)])
    await create_topics(kafka.bootstrap, [Topic(name, 3, False)])
    assert partitions_of(kafka, name) == 3


async def test_smaller_size_limit_is_raised_and_other_settings_stay(kafka: KafkaServer, name: str) -> None:
    topic = Topic(name, 3, False)
    await create_topics(kafka.bootstrap, [topic])
    await alter(kafka, name, {"max.message.bytes": str(512 * 1024), "retention.ms": "86400000"})
    await create_topics(kafka.bootstrap, [topic])
    settings = settings_of(kafka, name)
    assert (settings["max.message.bytes"], settings["retention.ms"]) == ("1048588", "86400000")


async def test_larger_size_limit_stays(kafka: KafkaServer, name: str) -> None:
    topic = Topic(name, 3, False)
    await create_topics(kafka.bootstrap, [topic])
    await alter(kafka, name, {"max.message.bytes": "5000000"})
    await create_topics(kafka.bootstrap, [topic])
    assert settings_of(kafka, name)["max.message.bytes"] == "5000000"


async def test_different_number_of_partitions_is_refused(kafka: KafkaServer, name: str) -> None:
    await create_topics(kafka.bootstrap, [Topic(name, 6, False)])
    with pytest.raises(WrongTopic, match="6 partitions, not 12"):
        await create_topics(kafka.bootstrap, [Topic(name, 12, False)])
