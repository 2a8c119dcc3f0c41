"""Sends events as an upstream would: several times, in a mixed order, with whatever partition the key gives."""

import asyncio
import json
import random
import uuid
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from deploy.simulation.story import Sent
from shared.contracts.topics import TOPICS, lane_of
from shared.times import write_time

PARTITIONS = {topic.name: topic.partitions for topic in TOPICS}


class Letter(NamedTuple):
    """One record, ready to be sent. `parked`: the reason under which it must be parked; empty: it must not be."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    partition: int
    parked: str = ""

    @property
    def where(self) -> tuple[str, int]:
        return self.topic, self.partition


def letter(sent: Sent, *, identity: str | None = None) -> Letter:
    """An event in binary mode; each time it is sent it may carry another id, as upstreams do."""
    headers = (
        ("ce_specversion", b"1.0"),
        ("ce_id", (identity or sent.id).encode()),
        ("ce_source", sent.source.encode()),
        ("ce_type", sent.type.encode()),
        ("ce_time", write_time(sent.time).encode()),
        ("content-type", b"application/json"),
    )
    value = json.dumps(sent.data, separators=(",", ":")).encode()
    return Letter(sent.topic, sent.key.encode(), value, headers, partition_of(sent.topic, sent.key), sent.parked)


def partition_of(topic: str, key: str) -> int:
    return lane_of(key) if PARTITIONS[topic] > 1 else 0


def repeated_and_shuffled(events: Iterable[Sent], seed: int) -> list[Letter]:
    """Each event one to three times, all of them mixed up across topics and people."""
    return interwoven([list(events)], seed)


def interwoven(stories: Sequence[Iterable[Sent]], seed: int, window: float = 0.15) -> list[Letter]:
    """Each event one to three times. One story begins after another, and each is mixed up with its neighbours.

    `window`: over which part of the whole the events of a story are scattered, without regard to their order.
    """
    luck = random.Random(f"post-{seed}")
    scattered: list[tuple[float, Letter]] = []
    for number, events in enumerate(stories):
        begins = number / len(stories) * (1 - window)
        for event in events:
            for time in range(luck.randint(1, 3)):
                identity = event.id if time == 0 else uuid.UUID(int=luck.getrandbits(128)).hex
                scattered.append((begins + luck.random() * window, letter(event, identity=identity)))
    scattered.sort(key=lambda one: one[0])
    return [one for _, one in scattered]


Packed = dict[tuple[str, int], list[BatchBuilder]]


def pack(producer: AIOKafkaProducer, letters: Iterable[Letter]) -> Packed:
    """Ready-made record batches, as large as the producer allows, by topic and partition; each in the order given."""
    packed: Packed = {}
    for one in letters:
        batches = packed.setdefault((one.topic, one.partition), [])
        key, value, headers = one.key, one.value, list(one.headers)
        if not batches or batches[-1].append(timestamp=None, key=key, value=value, headers=headers) is None:
            batches.append(producer.create_batch())
            batches[-1].append(timestamp=None, key=key, value=value, headers=headers)
    return packed


async def post(producer: AIOKafkaProducer, packed: Packed) -> None:
    """Sends batches, those of one partition in order; returns when all are acknowledged."""

    async def post_one(place: tuple[str, int], batches: Sequence[BatchBuilder]) -> None:
        topic, partition = place
        for batch in batches:
            await (await producer.send_batch(batch, topic, partition=partition))

    await asyncio.gather(*(post_one(place, batches) for place, batches in packed.items()))


async def send(producer: AIOKafkaProducer, letters: Iterable[Letter]) -> None:
    """Sends records in the order given; returns when all are acknowledged."""
    await post(producer, pack(producer, letters))
