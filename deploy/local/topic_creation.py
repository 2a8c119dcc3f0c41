"""Creation of Salur's topics as the contracts define them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.contracts.topics import TOPICS, Topic
from shared.errors import SalurError

RETENTION_DAYS = 28
# The limit applies to a batch, not to a record; this is Kafka's default, which ordinary producers rely on.
INBOUND_BATCH_BYTES = 1_048_588
PAGE_BYTES = 2 * 1024 * 1024
SECONDS = 30
LARGEST = "max.message.bytes"
TOPIC = ConfigResourceType.TOPIC
SET_FOR_THE_TOPIC = 1


class WrongTopic(SalurError):
    """A topic exists with another number of partitions; the number of lanes never changes."""


def settings_of(topic: Topic) -> dict[str, str]:
    """Return a topic's Kafka settings; its timestamps are the broker's, never a producer's."""
    return {
        "message.timestamp.type": "LogAppendTime",
        LARGEST: str(PAGE_BYTES if topic.internal else INBOUND_BATCH_BYTES),
        "retention.ms": str(RETENTION_DAYS * 24 * 3600 * 1000),
    }


async def create_topics(bootstrap: str, topics: Iterable[Topic] = TOPICS) -> None:
    """Create missing topics, and raise the size limit of those that accept less than they should.

    Raise WrongTopic if a topic exists with another number of partitions.
    """
    wanted = {topic.name: topic for topic in topics}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        answer = await admin.create_topics(
            [NewTopic(name, topic.partitions, 1, topic_configs=settings_of(topic)) for name, topic in wanted.items()],
            timeout_ms=SECONDS * 1000,
        )
        known = []
        for name, code, *_ in answer.topic_errors:
            if code and for_code(code) is not TopicAlreadyExistsError:
                raise for_code(code)(f"topic {name}")
            if code:
                known.append(wanted[name])
        async with asyncio.timeout(SECONDS):
            for name, partitions in (await _partitions(admin, list(wanted))).items():
                if partitions != wanted[name].partitions:
                    raise WrongTopic(f"{name} has {partitions} partitions, not {wanted[name].partitions}")
        await _raise_size_limits(admin, known)
    finally:
        await admin.close()


async def _raise_size_limits(admin: AIOKafkaAdminClient, topics: Iterable[Topic]) -> None:
    """Raise `max.message.bytes` where it is too small; leave a topic's other settings."""
    wanted = {topic.name: settings_of(topic)[LARGEST] for topic in topics}
    narrow = []
    for answer in await admin.describe_configs([ConfigResource(TOPIC, name) for name in wanted]):
        for code, _, _, name, entries in answer.resources:
            if code:
                raise for_code(code)(f"topic {name}")
            found = {entry[0]: entry[1] for entry in entries}
            if int(found[LARGEST]) < int(wanted[name]):
                # `alter_configs` drops every setting that is not listed.
                own = {entry[0]: entry[1] for entry in entries if entry[3] == SET_FOR_THE_TOPIC}
                narrow.append(ConfigResource(TOPIC, name, own | {LARGEST: wanted[name]}))
    for answer in await admin.alter_configs(narrow) if narrow else ():
        for code, message, *_ in answer.resources:
            if code:
                raise for_code(code)(message)


async def _partitions(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    # A creation returns when the controller knows of it; the broker may learn of it a moment later.
    while True:
        described = await admin.describe_topics(names)
        if not any(found["error_code"] for found in described):
            return {found["topic"]: len(found["partitions"]) for found in described}
        await asyncio.sleep(0.05)
