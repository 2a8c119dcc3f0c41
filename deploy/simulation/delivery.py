"""Delivery of events as upstream systems do it: repeated, shuffled, partitioned by key."""

import asyncio
import json
import random
import uuid
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from deploy.simulation.timeline import SimulatedEvent
from shared.contracts.topics import TOPICS, lane_of
from shared.times import write_time

PARTITIONS = {topic.name: topic.partitions for topic in TOPICS}


class OutgoingRecord(NamedTuple):
    """One record ready to be sent; `parked` is the reason it must be parked for, or empty.

    A NamedTuple, since benchmarks make one for each record of their load.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    partition: int
    parked: str = ""

    @property
    def topic_partition(self) -> tuple[str, int]:
        return self.topic, self.partition


def outgoing_record(event: SimulatedEvent, *, identity: str | None = None) -> OutgoingRecord:
    """Encode an event in CloudEvents binary mode; `identity` replaces its id, as upstream systems do on repeats."""
    headers = (
        ("ce_specversion", b"1.0"),
        ("ce_id", (identity or event.id).encode()),
        ("ce_source", event.source.encode()),
        ("ce_type", event.type.encode()),
        ("ce_time", write_time(event.time).encode()),
        ("content-type", b"application/json"),
    )
    value = json.dumps(event.data, separators=(",", ":")).encode()
    return OutgoingRecord(
        event.topic, event.key.encode(), value, headers, partition_of(event.topic, event.key), event.parked
    )


def partition_of(topic: str, key: str) -> int:
    return lane_of(key) if PARTITIONS[topic] > 1 else 0


def repeat_and_shuffle(events: Iterable[SimulatedEvent], seed: int) -> list[OutgoingRecord]:
    """Return each event one to three times, shuffled across topics and people."""
    return interleave([list(events)], seed)


def interleave(timelines: Sequence[Iterable[SimulatedEvent]], seed: int, window: float = 0.15) -> list[OutgoingRecord]:
    """Return each event one to three times, timelines starting one after another and overlapping.

    `window`: the share of the whole over which the events of one timeline are scattered, regardless of their order.
    """
    rng = random.Random(f"post-{seed}")
    scattered: list[tuple[float, OutgoingRecord]] = []
    for number, events in enumerate(timelines):
        begins = number / len(timelines) * (1 - window)
        for event in events:
            for time in range(rng.randint(1, 3)):
                identity = event.id if time == 0 or event.keeps_id else uuid.UUID(int=rng.getrandbits(128)).hex
                scattered.append((begins + rng.random() * window, outgoing_record(event, identity=identity)))
    scattered.sort(key=lambda one: one[0])
    return [one for _, one in scattered]


RecordBatches = dict[tuple[str, int], list[BatchBuilder]]


def pack(producer: AIOKafkaProducer, records: Iterable[OutgoingRecord]) -> RecordBatches:
    """Pack records into batches as large as the producer allows, by topic and partition, in the order given."""
    packed: RecordBatches = {}
    for one in records:
        batches = packed.setdefault((one.topic, one.partition), [])
        key, value, headers = one.key, one.value, list(one.headers)
        if not batches or batches[-1].append(timestamp=None, key=key, value=value, headers=headers) is None:
            batches.append(producer.create_batch())
            batches[-1].append(timestamp=None, key=key, value=value, headers=headers)
    return packed


async def send_batches(producer: AIOKafkaProducer, packed: RecordBatches) -> None:
    """Send batches, those of one partition in order; return when all are acknowledged."""

    async def send_partition(place: tuple[str, int], batches: Sequence[BatchBuilder]) -> None:
        topic, partition = place
        for batch in batches:
            await (await producer.send_batch(batch, topic, partition=partition))

    await asyncio.gather(*(send_partition(place, batches) for place, batches in packed.items()))


async def send(producer: AIOKafkaProducer, records: Iterable[OutgoingRecord]) -> None:
    """Send records in the order given; return when all are acknowledged."""
    await send_batches(producer, pack(producer, records))
