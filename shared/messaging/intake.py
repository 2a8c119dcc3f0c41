"""From bytes to messages. What cannot be understood is answered with the reason it is parked under."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from shared.contracts.envelope import Envelope, check_json, open_envelope
from shared.contracts.reasons import Parked, ParkReason
from shared.messaging.message import Message, Record
from shared.messaging.subscription import Handler, Source, Subscription

AHEAD_AT_MOST = timedelta(minutes=5)


class Item(NamedTuple):
    """One record on its way through a batch.

    Either `message` or `refusal` is set, or neither: then the record is of no concern to this service.
    `numbered` is (era, first sequence of the era, sequence) on internal topics. `waiting_id` is the row of `waiting`
    from which the record was taken up, None when it comes straight from Kafka.
    """

    record: Record
    message: Message[Any] | None = None
    refusal: Parked | None = None
    numbered: tuple[int, int, int] | None = None
    waiting_id: int | None = None


class Intake:
    """Understands the records of a service's sources. `handlers` stand in the order in which a batch is handled."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self.sources: Mapping[str, Source] = {source.topic: source for source in sources}
        self.order: Mapping[str, int] = {topic: place for place, topic in enumerate(self.sources)}
        self._subscriptions: Mapping[str, Mapping[str, Subscription[Any]]] = {
            topic: {subscription.event.name: subscription for subscription in source.subscriptions}
            for topic, source in self.sources.items()
        }
        subscriptions = (one for of_topic in self._subscriptions.values() for one in of_topic.values())
        self.handlers = tuple(dict.fromkeys(one.handle for one in subscriptions if one.handle is not None))

    def internal(self, topic: str) -> bool:
        return self.sources[topic].internal

    def handler(self, message: Message[Any]) -> Handler[Any]:
        handle = self._subscriptions[message.record.topic][message.type].handle
        assert handle is not None
        return handle

    def understand(self, record: Record, now: datetime, waiting_id: int | None = None) -> Item:
        """Never raises: every outcome is an Item."""
        source = self.sources[record.topic]
        numbered = message = refusal = None
        try:
            envelope = open_envelope(record.value, record.headers, self._known(source))
            numbered = _numbered(envelope) if source.internal else None
            subscription = self._subscriptions[record.topic].get(envelope.type)
            if subscription is not None and subscription.handle is not None:
                message = _message(record, envelope, subscription, source.internal, now)
            elif subscription is not None and not source.internal:
                check_json(envelope.data)
        except Parked as parked:
            refusal = parked if _ours(source, parked) else None
        return Item(record, message, refusal, numbered, waiting_id)

    def _known(self, source: Source) -> "Mapping[str, Subscription[Any]] | _Anything":
        return _ANYTHING if source.internal else self._subscriptions[source.topic]


def _ours(source: Source, parked: Parked) -> bool:
    """Whether this reader parks it, or another reader of the same topic does."""
    return source.parks_malformed or parked.reason in (ParkReason.INVALID_FIELD, ParkReason.OUT_OF_WINDOW)


class _Anything:
    """Our own services may say what this one has never heard of: known to somebody, of no concern here."""

    def __contains__(self, _: object) -> bool:
        return True


_ANYTHING = _Anything()


def _numbered(envelope: Envelope) -> tuple[int, int, int]:
    if envelope.era is None or envelope.sequence is None:
        raise Parked(ParkReason.BAD_ENVELOPE, "ce_sequence")
    return (*envelope.era, envelope.sequence)


def _message(
    record: Record, envelope: Envelope, subscription: Subscription[Any], internal: bool, now: datetime
) -> Message[Any]:
    event = subscription.event
    lane: int | None = record.partition
    if internal:
        data = event.parse(envelope.data)
    else:
        data = event.parse_foreign(envelope.data)
        if event.happened and getattr(data, event.happened) > now + AHEAD_AT_MOST:
            raise Parked(ParkReason.OUT_OF_WINDOW, f"/{event.happened}")
        lane = subscription.lane(data) if subscription.lane else None
    return Message(record, lane, envelope.source, envelope.id, envelope.type, envelope.time, envelope.traceparent, data)
