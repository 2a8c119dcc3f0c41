"""The partitions that members of a group hold, by the answer of its coordinator."""

from types import SimpleNamespace
from typing import Any, cast

from aiokafka import TopicPartition
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from shared.runtime.consumer_group import ConsumerGroup


async def test_joining_member_holds_no_partition_and_the_others_are_returned() -> None:
    given = ConsumerProtocolMemberAssignment(0, [("requests", [3])], b"").encode()
    members = [{"member_assignment": b""}, {"member_assignment": given}]
    answer = SimpleNamespace(to_object=lambda: {"groups": [{"members": members}]})

    async def describe(_: list[str]) -> list[Any]:
        return [answer]

    group = ConsumerGroup("nowhere:1", "salur.toy")
    group._admin = cast("Any", SimpleNamespace(describe_consumer_groups=describe))
    assert await group.assigned_partitions() == {TopicPartition("requests", 3)}
