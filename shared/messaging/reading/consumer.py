"""The group's consumer: FastStream's batch subscriber drives it, the positions in Postgres decide what is read."""

import itertools
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import (
    CorruptRecordException,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    RecordTooLargeError,
)
from aiokafka.protocol.fetch import FetchRequest
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from shared.contracts.park_reasons import ParkReason
from shared.messaging.message import RawBatch, Record
from shared.messaging.reading.record_batches import FETCH_SETTINGS
from shared.messaging.reading.topic_ids import IdentifyingConsumer

LOG = structlog.get_logger()

# Every default of the client that would be wrong for money is pinned here, and one test asserts all of them.
CONSUMER_SETTINGS: Mapping[str, Any] = {
    "isolation_level": "read_committed",
    "enable_auto_commit": False,
    "auto_offset_reset": "none",
    "partition_assignment_strategy": (RangePartitionAssignor,),
    "session_timeout_ms": 45_000,
    "heartbeat_interval_ms": 3_000,
    "rebalance_timeout_ms": 60_000,
    "max_poll_interval_ms": 3_600_000,
    # A topic that is deleted and made again leaves the assignment, and comes back when the metadata are read anew.
    "metadata_max_age_ms": 10_000,
    "fetch_max_wait_ms": 50,
    **FETCH_SETTINGS,
}
PRODUCER_SETTINGS: Mapping[str, Any] = {
    "acks": "all",
    "enable_idempotence": True,
    # The client asks lz4 for level 9: some fifteen times as long as snappy, for 7 % less.
    "compression_type": "snappy",
    "max_batch_size": 1 << 20,
    "max_request_size": 2 << 20,
    "linger_ms": 0,
}
POLL_TIMEOUT_MS = 100
# One in so many fetches begins with another topic, so that none waits until those before it are read to their end.
TURN_EVERY = 4


class ContiguousConsumer(IdentifyingConsumer):
    """A consumer that keeps where the fetch of each partition began, so that a batch from before a seek is recognised.

    It asks for topics in the order in which they are subscribed to, causes before effects. Kafka fills an answer in the
    order of the request, so fewer records come before their cause, and a batch holds fewer types.
    """

    def __init__(self, *topics: str, on_fetch_error: Callable[[KafkaError], None], **settings: Any) -> None:
        super().__init__(*topics, **settings)
        self.began: dict[TopicPartition, int] = {}
        self._reached: dict[TopicPartition, int] = {}
        self._suspect_batches: dict[TopicPartition, bytes] = {}
        self._on_fetch_error = on_fetch_error
        self._fetch_orders = fetch_orders(topics)

    def subscribe(self, topics: Sequence[str] = (), **options: Any) -> None:
        self._fetch_orders = fetch_orders(topics)
        super().subscribe(topics, **options)

    async def _send_by_id(self, node_id: int, request: Any, **options: Any) -> Any:
        if isinstance(request, FetchRequest):
            order = next(self._fetch_orders)
            request.topics.sort(key=lambda asked: order.index(asked[0]))
        return await super()._send_by_id(node_id, request, **options)

    def seek(self, partition: Any, offset: int) -> None:
        self._reached[TopicPartition(*partition)] = offset
        super().seek(partition, offset)

    async def getmany(self, *partitions: Any, **options: Any) -> "dict[Any, list[Record]]":
        """Return the records that have come, as soon as there are some: FastStream sleeps after an empty answer."""
        fetched: dict[Any, list[Any]] = {}
        try:
            while not fetched:
                fetched = self._retry_corrupt(await super().getmany(*partitions, **options))
        except (OffsetOutOfRangeError, NoOffsetForPartitionError, CorruptRecordException, RecordTooLargeError) as error:
            # The topic may be gone, and its partitions no longer assigned.
            self._client.force_metadata_update()
            self._on_fetch_error(error)
            return {}
        # No other task has run since the buffers were drained: this belongs to exactly this batch.
        self.began = {
            TopicPartition(*place): self._reached.get(TopicPartition(*place), records[0].offset)
            for place, records in fetched.items()
        }
        self._reached |= {TopicPartition(*place): records[-1].offset + 1 for place, records in fetched.items()}
        return fetched

    def _retry_corrupt(self, fetched: "dict[Any, list[Any]]") -> "dict[Any, list[Any]]":
        """Take a corrupt batch off the answer and fetch it once more: it may have been damaged on the way."""
        for place, records in list(fetched.items()):
            raw = records[-1].value  # No record is handed out behind a batch that cannot be taken apart.
            if (
                type(raw) is RawBatch
                and raw.reason is ParkReason.BAD_ENVELOPE
                and self._suspect_batches.get(place) != raw
            ):
                LOG.warning("batch_fetched_again", topic=place.topic, partition=place.partition, offset=raw.base_offset)
                self._suspect_batches[place] = raw
                records.pop()
                super().seek(place, records[-1].offset + 1 if records else self._began_at(place, raw))
        return {place: records for place, records in fetched.items() if records}

    def _began_at(self, place: Any, raw: RawBatch) -> int:
        return self._reached.get(place, raw.base_offset)

    async def stop(self) -> None:
        # A static member does not leave by itself, and its lanes would stand still until its session ends. A killed
        # process keeps its name, and gets its lanes at once when it comes back.
        if self._coordinator is not None:
            self._coordinator._group_instance_id = None  # noqa: SLF001
        await super().stop()

    def reached(self, place: TopicPartition) -> int:
        """Return the offset after the last record handed out, or the one sought since."""
        return self._reached[place]


def fetch_orders(topics: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the order of topics for each fetch: as given, every TURN_EVERY fetches begun with the next topic."""
    for turn in itertools.count():
        first = turn // TURN_EVERY % len(topics) if turn % TURN_EVERY == 0 else 0
        yield [*topics[first:], *topics[:first]]


class PausingRebalanceListener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Pauses new partitions before any await; they are read after their positions have been resolved."""

    def __init__(self, on_assigned: Callable[[], None], on_revoked: Callable[[], Awaitable[None]]) -> None:
        self._consumer: AIOKafkaConsumer | None = None
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked

    def attach(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: "set[Any]") -> None:  # noqa: ARG002 - all of them, always
        await self._on_revoked()

    def on_partitions_assigned(self, assigned: "set[Any]") -> None:
        if self._consumer is not None and assigned:
            self._consumer.pause(*assigned)
            for place in assigned:
                # With an offset set, the client does not ask Kafka for committed ones, which must not be used.
                self._consumer.seek(place, 0)
        self._on_assigned()


class ConsumingBroker(KafkaBroker):
    """A FastStream broker that only consumes, by ContiguousConsumer."""

    def __init__(
        self,
        bootstrap: str,
        service: str,
        *,
        on_consumer: Callable[[ContiguousConsumer], None],
        on_fetch_error: Callable[[KafkaError], None],
    ) -> None:
        super().__init__(
            bootstrap,
            client_id=f"salur.{service}",
            allow_auto_create_topics=False,
            consumer_only=True,
            # Else FastStream reads the handler's signature, in another thread.
            apply_types=False,
            logger=None,
        )
        self._on_consumer = on_consumer
        self._on_fetch_error = on_fetch_error

    async def _connect(self) -> Callable[..., AIOKafkaConsumer]:
        chosen = await super()._connect()
        assert isinstance(chosen, partial)

        def build(**own: Any) -> ContiguousConsumer:
            # Ours come last, over those of FastStream.
            settings = {**chosen.keywords, **own, **CONSUMER_SETTINGS}
            consumer = ContiguousConsumer(on_fetch_error=self._on_fetch_error, **settings)
            self._on_consumer(consumer)
            return consumer

        self.config.broker_config.builder = build
        return build


def subscribe(
    broker: ConsumingBroker,
    topics: Sequence[str],
    *,
    group: str,
    replica: str,
    batch_records: int,
    listener: PausingRebalanceListener,
    receive: Callable[[Sequence[Record]], Awaitable[None]],
) -> None:
    """Register one batch subscriber for all topics of a service."""
    subscriber = broker.subscriber(
        *topics,
        group_id=group,
        group_instance_id=replica,
        batch=True,
        max_records=batch_records,
        batch_timeout_ms=POLL_TIMEOUT_MS,
        ack_policy=AckPolicy.MANUAL,
        listener=listener,
        parser=_raw_parser,
        decoder=_raw_decoder,
    )
    subscriber(receive)


async def _raw_parser(raw: Any) -> KafkaMessage:
    """Leave headers as they are: the built-in parser drops a whole batch for one header that is not UTF-8."""
    return KafkaMessage(body=b"", raw_message=raw, headers={}, consumer=None)  # type: ignore[arg-type]


async def _raw_decoder(message: KafkaMessage) -> Any:
    return message.raw_message
