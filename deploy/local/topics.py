"""Every topic of Salur, created as the contracts want it."""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.contracts.topics import TOPICS, Topic

RETENTION_DAYS = 28
INBOUND_RECORD_BYTES = 512 * 1024
PAGE_BYTES = 2 * 1024 * 1024


class WrongTopic(Exception):
    """A topic is there already with another number of partitions: lanes are fixed for life."""


def settings_of(topic: Topic) -> dict[str, str]:
    """What Kafka is told about a topic: its clock is the broker's, never a producer's."""
    return {
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(PAGE_BYTES if topic.internal else INBOUND_RECORD_BYTES),
        "retention.ms": str(RETENTION_DAYS * 24 * 3600 * 1000),
    }


async def create_topics(bootstrap: str, topics: Iterable[Topic] = TOPICS, *, replicas: int = 1) -> None:
    """Create those that are missing; raises WrongTopic if one is there in another shape."""
    wanted = {topic.name: topic for topic in topics}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        answer = await admin.create_topics(
            [
                NewTopic(name, topic.partitions, replicas, topic_configs=settings_of(topic))
                for name, topic in wanted.items()
            ],
            timeout_ms=30_000,
        )
        for name, code, *_ in answer.topic_errors:
            if code and for_code(code) is not TopicAlreadyExistsError:
                raise for_code(code)(f"topic {name}")
        for found in await admin.describe_topics(list(wanted)):
            name, partitions = found["topic"], len(found["partitions"])
            if partitions != wanted[name].partitions:
                raise WrongTopic(f"{name} has {partitions} partitions, not {wanted[name].partitions}")
    finally:
        await admin.close()
