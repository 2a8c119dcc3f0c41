"""A service's subscriptions: the topics it reads, the handler of each type, and its timers."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from shared.contracts.events import EventType
from shared.messaging.message import Message
from shared.messaging.outbox.page import OutboxEvent, Page
from shared.messaging.transaction.transaction import Transaction

T = TypeVar("T")

Handler = Callable[[Transaction, Sequence[Message[T]]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscription(Generic[T]):
    """An event type and its handler. A handler of several types gets their messages in one call, as they came.

    `handle` is None for a type that is known and ignored. `lane` returns the lane of a record from an external topic;
    None: it is a shared cause. On internal topics the partition is the lane. `defers_on` returns the (kind, key, owner)
    under which such a record may be deferred: it is, as long as older ones of its lane are.
    """

    event: EventType[T]
    handle: Handler[T] | None
    lane: Callable[[T], int] | None = None
    defers_on: Callable[[T], tuple[str, str, str]] | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A topic that a service reads. A batch is handled in the order of the sources: causes before effects.

    `producer` is the service that alone writes the topic, None for a topic from outside. Its events are numbered, and
    each type needs a subscription: a record of another type cannot be read, and stops its lane. `parks_malformed` is
    False if another reader of the topic parks malformed records and unknown types. `formerly` names the topic on which
    these types stood before: records that were deferred or are replayed from there are handled as if they came here.
    """

    topic: str
    subscriptions: tuple[Subscription[Any], ...]
    producer: str | None = None
    parks_malformed: bool = True
    formerly: str | None = None

    @property
    def internal(self) -> bool:
        return self.producer is not None


@dataclass(frozen=True, slots=True)
class Timer:
    """A sweep for deadlines in the lanes that this process holds.

    `sweep` does a bounded portion and returns how much it did; it is called again until that is 0. Deadlines up to the
    transaction's `watermark` may act. `prevented_by` names the topics of which a record can prevent them; None: all
    that the service reads; (): none, so the watermark is the time of the sweep.
    """

    name: str
    sweep: Callable[[Transaction, Sequence[int]], Awaitable[int]]
    prevented_by: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Tail:
    """The events of one of our topics and lanes that were published before a restore, in their order.

    `whole`: no number is missing before the last of them.
    """

    topic: str
    lane: int
    pages: Sequence[Page]
    whole: bool

    def events(self) -> Iterator[tuple[datetime, OutboxEvent]]:
        """Yield each event with the time at which it was emitted."""
        for page in self.pages:
            for event in page.events:
                yield page.emitted_at, event


# Takes over events that this service published before a restore, before anything is decided.
Adopt = Callable[[Transaction, Tail], Awaitable[None]]
