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
        self._subscriptions = {topic: _by_type(source) for topic, source in self.sources.items()}
        self._taken_in = {topic: dict(by_type) for topic, by_type in self._subscriptions.items()}
        for source in self.sources.values():
            if source.formerly is not None:
                self._taken_in[source.formerly].update(_by_type(source))
        subscriptions = (one for of_topic in self._subscriptions.values() for one in of_topic.values())
        self.handlers = tuple(dict.fromkeys(one.handle for one in subscriptions if one.handle is not None))

    def internal(self, topic: str) -> bool:
        return self.sources[topic].internal

    def handler(self, message: Message[Any]) -> Handler[Any]:
        handle = self._taken_in[message.record.topic][message.type].handle
        assert handle is not None
        return handle

    def understand(self, record: Record, now: datetime) -> Item:
        """Understand a record that Kafka hands out. Never raises: every outcome is an Item."""
        return self._understand(record, now, self._subscriptions[record.topic], None)

    def understand_again(self, record: Record, now: datetime, waiting_id: int | None = None) -> Item:
        """Understand a record that was set aside, or is replayed by a person, also if its type has moved since."""
        return self._understand(record, now, self._taken_in[record.topic], waiting_id)

    def _understand(
        self, record: Record, now: datetime, subscriptions: Mapping[str, Subscription[Any]], waiting_id: int | None
    ) -> Item:
        source = self.sources[record.topic]
        numbered = message = refusal = None
        try:
            known = _ANYTHING if source.internal else subscriptions
            envelope = open_envelope(record.value, record.headers, known)
            numbered = _numbered(envelope) if source.internal else None
            subscription = subscriptions.get(envelope.type)
            if subscription is not None and subscription.handle is not None:
                message = _message(record, envelope, subscription, source.internal, now)
            elif subscription is not None and not source.internal:
                check_json(envelope.data)
        except Parked as parked:
            refusal = parked if _ours(source, parked) else None
        return Item(record, message, refusal, numbered, waiting_id)


def _by_type(source: Source) -> Mapping[str, Subscription[Any]]:
    return {subscription.event.name: subscription for subscription in source.subscriptions}


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
