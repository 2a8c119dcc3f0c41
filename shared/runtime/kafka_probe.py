"""A probe of Kafka: does it answer, and which lanes of the service does some process hold."""

import asyncio

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from shared.messaging.reading.topic_inspector import TopicInspector
from shared.runtime.consumer_group import ConsumerGroup
from shared.runtime.definition import ServiceDefinition

KAFKA_ANSWER_SECONDS = 3.0


class KafkaProbe:
    """Connections of its own to Kafka, apart from the engine's."""

    def __init__(self, definition: ServiceDefinition) -> None:
        bootstrap = definition.settings.kafka_bootstrap
        self._probed = TopicPartition(definition.sources[0].topic, 0)
        self._lane_topic = definition.lane_topic
        self._topic_inspector = TopicInspector(bootstrap)
        self._group = ConsumerGroup(bootstrap, f"salur.{definition.name}")

    async def answers(self) -> bool:
        """Return True if Kafka answers within KAFKA_ANSWER_SECONDS."""
        try:
            async with asyncio.timeout(KAFKA_ANSWER_SECONDS):
                await self._topic_inspector.ends([self._probed])
        except Exception as error:
            if not is_kafka_error(error):
                raise
            return False
        return True

    async def lanes_served(self) -> frozenset[int] | None:
        """Return the lanes that some process holds; None if Kafka does not answer."""
        try:
            served = await self._group.assigned_partitions()
        except Exception as error:
            if not is_kafka_error(error):
                raise
            return None
        return frozenset(place.partition for place in served if place.topic == self._lane_topic)

    async def close(self) -> None:
        """Close the connections."""
        await self._topic_inspector.close()
        await self._group.close()


def is_kafka_error(error: BaseException) -> bool:
    """Return True if an error means that Kafka could not be asked."""
    return isinstance(error, KafkaError | OSError)
