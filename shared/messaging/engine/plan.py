"""The plan of a service: everything that the engine needs to know of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from asyncpg import Connection

from shared.clock import Clock
from shared.contracts.seals import KeyRing
from shared.messaging.chain import ChainKey
from shared.messaging.transaction.subscription import Adopt, Source, Timer


@dataclass(frozen=True, slots=True)
class Retention:
    """The time for which pages are kept, and parked records that were replayed or closed."""

    pages: timedelta
    parked: timedelta


@dataclass(frozen=True, slots=True)
class CommittedBatch:
    """A batch that was committed: its duration, its records, and by event type the age of its oldest event.

    Durations and ages are in seconds.
    """

    seconds: float
    records: int
    oldest: Mapping[str, float]


def _observe_nothing(_: CommittedBatch) -> None:
    """Take no figures of batches."""


async def _accept_any(_: Connection) -> None:
    """Accept any data."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The topics, timers, limits and connections of a service.

    `lane_topic` is the topic whose partitions decide which lanes a process publishes and sweeps. `connect` opens a
    Postgres session under the given application name, with the service's role and schema; `confirm` raises when its
    schema has become another program's meanwhile; `note` saves by which fingerprints its data are known again.
    `causes`: by kind of a deferred record, the topics that can bring what it was deferred for; what a kind that is
    missing there waits for may come from any.
    """

    service: str
    replica: str
    bootstrap: str
    sources: tuple[Source, ...]
    timers: tuple[Timer, ...]
    own_topics: tuple[str, ...]
    lane_topic: str
    adopt: Adopt | None
    connect: Callable[[str], Awaitable[Connection]]
    clock: Clock
    vault: KeyRing
    chain: ChainKey
    batch_records: int = 3000
    sweep_every_seconds: float = 5.0
    look_every_seconds: float = 60.0
    wait_at_most: timedelta = timedelta(hours=24)
    waiting_per_key: int = 5000
    waiting_in_all: int = 2_000_000
    causes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    retention: Retention = field(default=Retention(timedelta(days=42), timedelta(days=365)))
    observe: Callable[[CommittedBatch], None] = _observe_nothing
    confirm: Callable[[Connection], Awaitable[None]] = _accept_any
    note: Callable[[Connection], Awaitable[None]] = _accept_any
