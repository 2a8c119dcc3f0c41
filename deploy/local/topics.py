"""Every topic of Salur, created as the contracts want it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.contracts.topics import TOPICS, Topic

RETENTION_DAYS = 28
INBOUND_RECORD_BYTES = 512 * 1024
PAGE_BYTES = 2 * 1024 * 1024
SECONDS = 30


class WrongTopic(Exception):
    """A topic is there already with another number of partitions: lanes are fixed for life."""


def settings_of(topic: Topic) -> dict[str, str]:
    """What Kafka is told about a topic: its clock is the broker's, never a producer's."""
    return {
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(PAGE_BYTES if topic.internal else INBOUND_RECORD_BYTES),
        "retention.ms": str(RETENTION_DAYS * 24 * 3600 * 1000),
    }


async def create_topics(bootstrap: str, topics: Iterable[Topic] = TOPICS) -> None:
    """Create those that are missing; raises WrongTopic if one is there in another shape."""
    wanted = {topic.name: topic for topic in topics}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        answer = await admin.create_topics(
            [NewTopic(name, topic.partitions, 1, topic_configs=settings_of(topic)) for name, topic in wanted.items()],
            timeout_ms=SECONDS * 1000,
        )
        for name, code, *_ in answer.topic_errors:
            if code and for_code(code) is not TopicAlreadyExistsError:
                raise for_code(code)(f"topic {name}")
        async with asyncio.timeout(SECONDS):
            for name, partitions in (await _partitions(admin, list(wanted))).items():
                if partitions != wanted[name].partitions:
                    raise WrongTopic(f"{name} has {partitions} partitions, not {wanted[name].partitions}")
    finally:
        await admin.close()


async def _partitions(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    # A broker answers a creation when the controller knows of it, and may itself hear of it a moment later.
    while True:
        described = await admin.describe_topics(names)
        if not any(found["error_code"] for found in described):
            return {found["topic"]: len(found["partitions"]) for found in described}
        await asyncio.sleep(0.05)
