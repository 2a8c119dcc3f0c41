"""What the engine is told of a service, and what it tells of itself."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from aiokafka import TopicPartition
from asyncpg import Connection

from shared.clock import Clock
from shared.contracts.seals import KeyRing
from shared.messaging.chain import ChainKey
from shared.messaging.reading.watermark import HeldUp
from shared.messaging.transaction.subscription import Adopt, Source, Timer

LOG = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Retention:
    """How long pages, and parked records that were replayed or closed, are kept."""

    pages: timedelta
    parked: timedelta


@dataclass(frozen=True, slots=True)
class BatchReport:
    """One batch that was committed: its duration, its records, and per type the age in seconds of its oldest event."""

    seconds: float
    records: int
    oldest: Mapping[str, float]


def _observe_nothing(_: BatchReport) -> None:
    """Nobody measures."""


async def _accept_any(_: Connection) -> None:
    """Any data will do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the engine knows of a service.

    `lane_topic` is the topic whose partitions decide which lanes a process publishes and sweeps. `connect` opens a
    Postgres session under the given application name, with the service's role and schema; `confirm` raises when its
    data have become another program's meanwhile, `note` writes down by what they are known again. `causes`: by kind of
    what waits, the topics that can bring what it waits for; a kind that is missing may be brought by any.
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
    observe: Callable[[BatchReport], None] = _observe_nothing
    confirm: Callable[[Connection], Awaitable[None]] = _accept_any
    note: Callable[[Connection], Awaitable[None]] = _accept_any


@dataclass(slots=True)
class EngineStatus:
    """What the process itself knows of its state; all else is read from the tables."""

    assigned: frozenset[TopicPartition] = frozenset()
    positioned: bool = False
    publishing: bool = False
    outage: str | None = None
    sweeps: int = 0
    held_up: tuple[HeldUp, ...] = ()
    last_batch_at: datetime | None = None
    batches: int = 0
    records: int = 0

    def note_outage(self, part: str, error: Exception) -> None:
        """Infrastructure is away: shown until it is over, and retried until then."""
        self.outage = f"{part}: {error!r}"
        LOG.warning("outage", part=part, error=repr(error))

    def note_recovery(self) -> None:
        if self.outage is not None:
            LOG.info("outage_over", was=self.outage)
            self.outage = None
