"""The partitions that Kafka gave to this process, how far each has been read, and which of them are paused."""

import asyncio
import contextlib
from collections.abc import Mapping

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from shared.messaging.engine.seek import ResolvedOffsets
from shared.messaging.failpoint import hit
from shared.messaging.reading.consumer import ContiguousConsumer

LOG = structlog.get_logger()


class PartitionAssignment:
    """The owner of the consumer's state. From `reseek` to `start` nothing is read.

    `lane_topic` is the topic whose partitions are the lanes of this process.
    """

    def __init__(self, lane_topic: str) -> None:
        self._lane_topic = lane_topic
        self._consumer: ContiguousConsumer | None = None
        self._positioned = False
        self._partitions: frozenset[TopicPartition] = frozenset()
        self._lanes: frozenset[int] = frozenset()
        self._read_offsets: dict[TopicPartition, int] = {}
        self._committed_offsets: dict[TopicPartition, int] = {}
        self._stopped: Mapping[TopicPartition, str] = {}
        self._paused: set[TopicPartition] = set()
        self._reseek_requested = asyncio.Event()

    @property
    def consumer(self) -> ContiguousConsumer | None:
        return self._consumer

    @property
    def positioned(self) -> bool:
        return self._positioned

    @property
    def partitions(self) -> frozenset[TopicPartition]:
        """The partitions as they were positioned last."""
        return self._partitions

    @property
    def lanes(self) -> frozenset[int]:
        """The lanes that this process publishes and sweeps; none while it gives its partitions back."""
        return self._lanes

    @property
    def read_offsets(self) -> Mapping[TopicPartition, int]:
        """The offset at which reading goes on in each partition, once all that was handed out is committed."""
        return self._read_offsets

    @property
    def stopped(self) -> Mapping[TopicPartition, str]:
        """The partitions that an operator has to set going again, and the reason each stopped for."""
        return self._stopped

    def attach(self, consumer: ContiguousConsumer) -> None:
        self._consumer = consumer

    def reseek(self) -> None:
        """Pause all partitions until their positions have been found anew. Safe to call from anywhere, at any time."""
        self._positioned = False
        if self._consumer is not None and (assigned := self._consumer.assignment()):
            self._consumer.pause(*assigned)
        self._reseek_requested.set()

    async def reseek_requested(self) -> None:
        """Return once positions have to be found, and forget the request."""
        await self._reseek_requested.wait()
        self._reseek_requested.clear()

    def revoke(self) -> None:
        """Give up all lanes, since Kafka assigns the partitions anew."""
        self._positioned = False
        self._lanes = frozenset()

    def start(self, found: ResolvedOffsets) -> None:
        """Read on at these offsets. Where the assignment has changed since they were found, reseek instead."""
        consumer, places = self._consumer, frozenset([*found.seeks, *found.stopped])
        if consumer is None or places != consumer.assignment() or self._reseek_requested.is_set():
            self.reseek()
            return
        consumer.fetch_by_ids(found.topic_ids)
        try:
            for place, offset in found.seeks.items():
                consumer.seek(place, offset)
            consumer.resume(*found.seeks)
        except IllegalStateError:
            self.reseek()
            raise
        for place, reason in found.stopped.items():
            LOG.error("partition_stopped", topic=place.topic, partition=place.partition, reason=reason)
        self._read_offsets = dict(found.seeks)
        self._paused.clear()
        self._stopped = found.stopped
        self._partitions = places
        self._lanes = frozenset(place.partition for place in places if place.topic == self._lane_topic)
        self._positioned = True
        LOG.info("assigned", partitions=len(places), lanes=sorted(self._lanes), stopped=len(found.stopped))

    def advance(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Note the offsets at which reading goes on now; their positions are committed."""
        self._read_offsets.update(offsets)

    def pause(self, places: Mapping[TopicPartition, int]) -> None:
        """Pause partitions whose lane stands still; each is read again from its offset when the lane goes on."""
        if self._consumer is None:
            return
        assigned = self._consumer.assignment()
        for place, offset in places.items():
            if place in assigned:
                self._consumer.pause(place)
                self._consumer.seek(place, offset)
                self._paused.add(place)

    def is_paused(self, place: TopicPartition) -> bool:
        return place in self._paused

    def resume_paused(self) -> None:
        """Read paused partitions again; the next batch pauses them anew where their lane still stands still."""
        if self._consumer is not None and self._positioned:
            assigned = self._consumer.assignment()
            self._consumer.resume(*(place for place in self._paused if place in assigned))
        self._paused.clear()

    async def commit_offsets(self) -> None:
        """Commit the offsets to Kafka, for tools that show the lag; Salur never reads on from there."""
        if self._consumer is None:
            return
        hit("before_kafka_commit")
        assigned = self._consumer.assignment()
        due = {
            place: offset
            for place, offset in self._read_offsets.items()
            if place in assigned and self._committed_offsets.get(place) != offset
        }
        if due:
            with contextlib.suppress(KafkaError):
                await self._consumer.commit(due)
                self._committed_offsets.update(due)
