"""Topics are made as the contracts want them, once."""

import uuid

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource

from deploy.local.topics import WrongTopic, create_topics
from shared.contracts.topics import Topic
from tests.infrastructure import KafkaServer


@pytest.fixture
def name() -> str:
    return f"topic-{uuid.uuid4().hex[:8]}"


def settings_of(kafka: KafkaServer, name: str) -> dict[str, str]:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    (answer,) = admin.describe_configs([ConfigResource("topic", name)]).values()
    return {setting: str(entry.value) for setting, entry in answer.result(timeout=30).items()}


def partitions_of(kafka: KafkaServer, name: str) -> int:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    return len(admin.list_topics(name, timeout=30).topics[name].partitions)


@pytest.mark.parametrize(("internal", "kibibytes"), [(False, 512), (True, 2048)])
async def test_a_topic_has_the_brokers_clock_its_partitions_and_room_for_its_records(
    kafka: KafkaServer, name: str, internal: bool, kibibytes: int
) -> None:
    await create_topics(kafka.bootstrap, [Topic(name, 12, internal)])

    settings = settings_of(kafka, name)
    assert settings["message.timestamp.type"] == "LogAppendTime"
    assert settings["max.message.bytes"] == str(kibibytes * 1024)
    assert partitions_of(kafka, name) == 12


async def test_a_topic_that_is_there_stays_as_it_is(kafka: KafkaServer, name: str) -> None:
    await create_topics(kafka.bootstrap, [Topic(name, 3, False)])
    await create_topics(kafka.bootstrap, [Topic(name, 3, False)])
    assert partitions_of(kafka, name) == 3


async def test_another_number_of_partitions_is_refused_since_lanes_are_for_life(kafka: KafkaServer, name: str) -> None:
    await create_topics(kafka.bootstrap, [Topic(name, 6, False)])
    with pytest.raises(WrongTopic, match="6 partitions, not 12"):
        await create_topics(kafka.bootstrap, [Topic(name, 12, False)])
