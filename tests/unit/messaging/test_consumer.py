"""The consumer: what it returns to FastStream, and what it fetches."""

import itertools
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError
from aiokafka.protocol.fetch import FetchRequest

from shared.messaging.reading.consumer import TURN_EVERY, ContiguousConsumer, fetch_orders

PLACE = TopicPartition("training.evidence", 3)
Fetched = dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]


def record(offset: int) -> "ConsumerRecord[bytes, bytes]":
    return ConsumerRecord(PLACE.topic, PLACE.partition, offset, 0, 0, b"", b"", 0, 0, 0, ())


@pytest.fixture
def fetches(monkeypatch: pytest.MonkeyPatch) -> list[Fetched | Exception]:
    """Return the list of answers that `getmany` gives, one a call."""
    answers: list[Fetched | Exception] = []

    async def fetch(*_: Any, **__: Any) -> Fetched:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", fetch)
    return answers


async def test_consumer_never_returns_an_empty_answer(
    fetches: list[Fetched | Exception],
) -> None:
    came: Fetched = {PLACE: [record(5), record(6)]}
    fetches += [{}, {}, came]
    consumer = ContiguousConsumer(on_fetch_error=lambda _: None)

    assert await consumer.getmany() == came
    assert consumer.began == {PLACE: 5}


async def test_missing_offset_is_reported_and_ends_the_poll(
    fetches: list[Fetched | Exception],
) -> None:
    lost: list[str] = []
    fetches += [{}, OffsetOutOfRangeError({PLACE: 5})]
    consumer = ContiguousConsumer(on_fetch_error=lambda _: lost.append("lost"))

    assert await consumer.getmany() == {}
    assert lost == ["lost"]


async def test_causes_are_fetched_before_effects(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    async def answer(_: int, request: FetchRequest, **__: Any) -> None:
        asked.append([topic for topic, _ in request.topics])

    consumer = ContiguousConsumer(on_fetch_error=lambda _: None)
    monkeypatch.setattr(consumer, "_send", answer)
    consumer.subscribe(["causes", "effects"])
    for _ in range(2):
        request = FetchRequest(50, 1, 4096, 1, [("effects", [(3, 7, 2048)]), ("causes", [(3, 7, 2048)])])
        await consumer._client.send(0, request)

    assert asked == [["causes", "effects"], ["causes", "effects"]]


def test_each_topic_is_fetched_first_in_its_turn() -> None:
    topics = ["registry", "requests", "purchases"]
    orders = list(itertools.islice(fetch_orders(topics), TURN_EVERY * len(topics)))

    assert {order[0] for order in orders} == set(topics)
    assert all(sorted(order) == sorted(topics) for order in orders)
    assert orders.count(topics) > len(orders) // 2
