"""What a service tells the engine: the topics it reads, who handles which type, and what is due by the clock."""

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
    """One event type and who handles it. A handler of several types gets their messages in one call, as they came.

    `handle` None: understood, and of no concern to this service. `lane`: how a record of an external topic finds
    its lane; None there means a shared cause. On internal topics the partition is the lane. `waits_for`: what such a
    record may have to wait for, as (kind, key, owner): while older ones still do in its lane, it queues behind them.
    """

    event: EventType[T]
    handle: Handler[T] | None
    lane: Callable[[T], int] | None = None
    defers_on: Callable[[T], tuple[str, str, str]] | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """One topic a service reads. The order of sources is the order in which a batch is handled: causes before effects.

    `producer` is the service that alone writes the topic, None for a topic of the outside world. What it says is
    numbered, and every type is subscribed to: one that is not cannot be read, and stops its lane.
    `parks_malformed` False: another reader of the topic parks bytes, envelopes and types that nobody understands.
    `formerly` names the topic on which these types stood before: what was taken in there, or is replayed from there by
    a person, is handled as if it had come here. What is read there anew is not.
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
    """What is due by the clock, swept for the lanes this process holds.

    `sweep` does a bounded portion and returns how much it did; as long as it did something it is called again. What
    fell due at or before the transaction's `read_through` may act. `beaten_by` names the topics that can bring what
    beats it; None: all that the service reads. With () nothing can, and what is due acts at once.
    """

    name: str
    sweep: Callable[[Transaction, Sequence[int]], Awaitable[int]]
    beaten_by: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Tail:
    """Events of one of our topics and lanes that were said before a restore, in the order in which they were said.

    `whole`: no number is missing before the last of them.
    """

    topic: str
    lane: int
    pages: Sequence[Page]
    whole: bool

    def events(self) -> Iterator[tuple[datetime, OutboxEvent]]:
        """Each with the time at which it was said."""
        for page in self.pages:
            for event in page.events:
                yield page.emitted_at, event


# Takes over what this service said and a restore has forgotten, before anything is decided.
Adopt = Callable[[Transaction, Tail], Awaitable[None]]
