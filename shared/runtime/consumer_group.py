"""The partitions that Kafka has assigned to the live members of a consumer group."""

import asyncio
import contextlib
from types import TracebackType
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import GroupCoordinatorNotAvailableError

GROUP_SECONDS = 3.0
ASK_AGAIN_SECONDS = 0.1


class ConsumerGroup:
    """A consumer group in Kafka.

    Without an answer in three seconds it raises an error for which `is_kafka_error` is true.
    """

    def __init__(self, bootstrap: str, group: str) -> None:
        self._bootstrap = bootstrap
        self._group = group
        self._admin: AIOKafkaAdminClient | None = None
        self._one_at_a_time = asyncio.Lock()

    async def __aenter__(self) -> "ConsumerGroup":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def assigned_partitions(self) -> frozenset[TopicPartition]:
        """Return every partition that some member is assigned; a member that died counts until its session ends."""
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(GROUP_SECONDS):
                    return await self._fetch_assigned()
            except BaseException:
                await self._disconnect()
                raise

    async def close(self) -> None:
        """Close the connection."""
        async with self._one_at_a_time:
            await self._disconnect()

    async def _fetch_assigned(self) -> frozenset[TopicPartition]:
        if self._admin is None:
            admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
            await admin.start()
            self._admin = admin
        # Kafka makes the topic in which it keeps groups when it is first asked for one.
        while (answers := await self._describe(self._admin)) is None:  # noqa: ASYNC110 - Kafka has no event for it
            await asyncio.sleep(ASK_AGAIN_SECONDS)
        members = [
            member for answer in answers for group in answer.to_object()["groups"] for member in group["members"]
        ]
        # A member that is just joining has no assignment yet, not even an empty one.
        given = [member["member_assignment"] for member in members if member["member_assignment"]]
        assigned = [ConsumerProtocolMemberAssignment.decode(one) for one in given]
        return frozenset(
            TopicPartition(topic, partition)
            for one in assigned
            for topic, partitions in one.assignment
            for partition in partitions
        )

    async def _describe(self, admin: AIOKafkaAdminClient) -> "list[Any] | None":
        try:
            return list(await admin.describe_consumer_groups([self._group]))
        except GroupCoordinatorNotAvailableError:
            return None

    async def _disconnect(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            with contextlib.suppress(Exception):
                await admin.close()
