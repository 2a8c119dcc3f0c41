"""What the shell is told by the consumer."""

from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from shared.messaging.consumer import ContiguousConsumer

PLACE = TopicPartition("training.evidence", 3)
Fetched = dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]


def record(offset: int) -> "ConsumerRecord[bytes, bytes]":
    return ConsumerRecord(PLACE.topic, PLACE.partition, offset, 0, 0, b"", b"", 0, 0, 0, ())


@pytest.fixture
def fetches(monkeypatch: pytest.MonkeyPatch) -> list[Fetched | Exception]:
    """What Kafka answers, one fetch after the other."""
    answers: list[Fetched | Exception] = []

    async def fetch(*_: Any, **__: Any) -> Fetched:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", fetch)
    return answers


async def test_the_shell_is_never_told_that_nothing_came_since_it_would_sleep_over_it(
    fetches: list[Fetched | Exception],
) -> None:
    came: Fetched = {PLACE: [record(5), record(6)]}
    fetches += [{}, {}, came]
    consumer = ContiguousConsumer(on_lost=lambda _: None)

    assert await consumer.getmany() == came
    assert consumer.began == {PLACE: 5}


async def test_an_offset_that_is_not_there_is_pointed_out_and_ends_the_wait(
    fetches: list[Fetched | Exception],
) -> None:
    lost: list[str] = []
    fetches += [{}, OffsetOutOfRangeError({PLACE: 5})]
    consumer = ContiguousConsumer(on_lost=lambda _: lost.append("lost"))

    assert await consumer.getmany() == {}
    assert lost == ["lost"]
