"""Decoding of records to messages, or to the reason for which they are parked."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from shared.contracts.envelope import MAX_RECORD_BYTES, Envelope, check_json, open_envelope
from shared.contracts.park_reasons import Parked, ParkReason
from shared.contracts.topics import LANES
from shared.messaging.message import Message, RawBatch, Record
from shared.messaging.sequence_number import ERA_AHEAD_AT_MOST, SequenceNumber, sequence_number_of, source_of
from shared.messaging.transaction.lane import real_microseconds
from shared.messaging.transaction.subscription import Handler, Source, Subscription

AHEAD_AT_MOST = timedelta(minutes=5)
# Earlier versions emitted events of up to nearly the size of a batch; these stay readable.
LARGEST_INTERNAL_BYTES = 4 * MAX_RECORD_BYTES


class DecodedRecord(NamedTuple):
    """One record on its way through a batch. A tuple, since one is made per record.

    Either `message` or `refusal` is set, or neither: then the record does not concern this service. `number` is set for
    records that an internal topic's producer wrote; with a refusal besides, the record is unreadable. `deferred_id` is
    the row of `waiting` from which it was taken, None for a record from Kafka; `deferred_on` is its kind and key.
    """

    record: Record
    message: Message[Any] | None = None
    refusal: Parked | None = None
    number: SequenceNumber | None = None
    deferred_id: int | None = None
    deferred_on: tuple[str, str] | None = None

    @property
    def lane(self) -> int | None:
        """The lane of the record; None for a shared cause, and for a refused record without a number."""
        if self.message is not None:
            return self.message.lane
        return self.record.partition if self.number is not None else None

    @property
    def sweep_lane(self) -> int:
        """The lane whose sweep takes it up: its own, or else that of its dead letter."""
        return self.record.partition % LANES if self.lane is None else self.lane


class Decoder:
    """The decoder of a service's sources. `handlers` stand in the order in which a batch is handled."""

    def __init__(self, sources: Iterable[Source], real_time: Callable[[], int] = real_microseconds) -> None:
        self.sources: Mapping[str, Source] = {source.topic: source for source in sources}
        self.order: Mapping[str, int] = {topic: place for place, topic in enumerate(self.sources)}
        self._subscriptions = {topic: _by_type(source) for topic, source in self.sources.items()}
        self._producers = {
            topic: source_of(source.producer).encode() for topic, source in self.sources.items() if source.producer
        }
        self._ignored = {topic: _headers_of_ignored(self.sources[topic]) for topic in self._producers}
        self._real_time = real_time
        self._newest_era = 0
        self._deferred_subscriptions = {topic: dict(by_type) for topic, by_type in self._subscriptions.items()}
        for source in self.sources.values():
            if source.formerly is not None:
                # A type that still stands there too is read as that of its topic.
                self._deferred_subscriptions[source.formerly] = {
                    **_by_type(source),
                    **self._deferred_subscriptions[source.formerly],
                }
        subscriptions = (one for of_topic in self._subscriptions.values() for one in of_topic.values())
        self.handlers = tuple(dict.fromkeys(one.handle for one in subscriptions if one.handle is not None))

    def internal(self, topic: str) -> bool:
        return self.sources[topic].internal

    def defers_on(self, message: Message[Any]) -> tuple[str, str, str] | None:
        """Return the kind, key and owner under which a message may be deferred; None if it never is."""
        found = self._deferred_subscriptions[message.record.topic][message.type].defers_on
        return None if found is None else found(message.data)

    def handler(self, message: Message[Any]) -> Handler[Any]:
        handle = self._deferred_subscriptions[message.record.topic][message.type].handle
        assert handle is not None
        return handle

    def decode(self, record: Record, now: datetime) -> DecodedRecord:
        """Decode a record from Kafka. Raise nothing: a refusal is in the result."""
        return self._decode(record, now, self._subscriptions[record.topic])

    def decode_deferred(
        self,
        record: Record,
        now: datetime,
        deferred_id: int | None = None,
        deferred_on: tuple[str, str] | None = None,
    ) -> DecodedRecord:
        """Decode a record that was deferred or is replayed, also if its type has moved to another topic since."""
        return self._decode(record, now, self._deferred_subscriptions[record.topic], deferred_id, deferred_on)

    def _decode(
        self,
        record: Record,
        now: datetime,
        subscriptions: Mapping[str, Subscription[Any]],
        deferred_id: int | None = None,
        deferred_on: tuple[str, str] | None = None,
    ) -> DecodedRecord:
        producer = self._producers.get(record.topic)
        number = message = refusal = None
        if isinstance(record.value, RawBatch):
            refusal = Parked(record.value.reason, "batch")
            return DecodedRecord(record, refusal=refusal if _parks_here(self.sources[record.topic], refusal) else None)
        try:
            if producer is not None:
                number = self._number(record, producer)
                if not self._ignored[record.topic].isdisjoint(record.headers):
                    return DecodedRecord(record, number=number)
            largest = MAX_RECORD_BYTES if producer is None else LARGEST_INTERNAL_BYTES
            envelope = open_envelope(record.value, record.headers, subscriptions, largest)
            subscription = subscriptions[envelope.type]
            if subscription.handle is not None:
                message = _message(record, envelope, subscription, now, internal=producer is not None)
            elif producer is None:
                check_json(envelope.data)
        except Parked as parked:
            # A new one, since the traceback of the other keeps the record alive until cycles are collected.
            refusal = Parked(parked.reason, parked.detail) if _parks_here(self.sources[record.topic], parked) else None
        return DecodedRecord(record, message, refusal, number, deferred_id, deferred_on)

    def _number(self, record: Record, producer: bytes) -> SequenceNumber:
        """Return the number. Raise Parked for a record that the topic's producer did not write."""
        try:
            return sequence_number_of(record, producer, self._newest_era)
        except Parked:
            # The newest era may be out of date: the clock is not read for every record.
            self._newest_era = self._real_time() + ERA_AHEAD_AT_MOST
            return sequence_number_of(record, producer, self._newest_era)


def _by_type(source: Source) -> Mapping[str, Subscription[Any]]:
    return {subscription.event.name: subscription for subscription in source.subscriptions}


def _headers_of_ignored(source: Source) -> frozenset[tuple[str, bytes]]:
    """Return the headers that name types without a handler: of such a record only the number is needed."""
    return frozenset(("ce_type", one.event.name.encode()) for one in source.subscriptions if one.handle is None)


def _parks_here(source: Source, parked: Parked) -> bool:
    """Return True if this reader parks the record, False if another reader of the topic does."""
    return source.parks_malformed or parked.reason in (ParkReason.INVALID_FIELD, ParkReason.OUT_OF_WINDOW)


def _message(
    record: Record, envelope: Envelope, subscription: Subscription[Any], now: datetime, *, internal: bool
) -> Message[Any]:
    event = subscription.event
    lane: int | None = record.partition
    if internal:
        data = event.parse(envelope.data)
    else:
        data = event.parse_inbound(envelope.data)
        if event.time_field and getattr(data, event.time_field) > now + AHEAD_AT_MOST:
            raise Parked(ParkReason.OUT_OF_WINDOW, f"/{event.time_field}")
        lane = subscription.lane(data) if subscription.lane else None
    return Message(record, lane, envelope.source, envelope.id, envelope.type, envelope.time, envelope.traceparent, data)
