"""What a service hands to the runtime: all that the runtime knows of it."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from asyncpg import Connection
from prometheus_client.core import Metric

from shared.contracts.seals import KeyRing
from shared.contracts.topics import LANES, TOPICS
from shared.messaging.chain import ChainKey, Chains
from shared.messaging.engine.plan import BatchReport
from shared.messaging.transaction.subscription import Adopt, Source, Timer
from shared.messaging.transaction.transaction import TransactionTerms
from shared.runtime.data_identity import PinnedValue, RotatingKeys
from shared.runtime.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class Gauge:
    """One number that is read from the tables when metrics are asked for. No person is ever a label."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Invariant:
    """Something that always holds. `check` returns one sentence for each breach it finds, none when all is well."""

    id: str
    name: str
    check: Callable[[Connection], Awaitable[list[str]]]


class BatchCollector(Protocol):
    """Something that a service counts itself. No person is ever a label."""

    def observe(self, batch: BatchReport) -> None:
        """A batch has just been committed."""

    def collect(self) -> Iterable[Metric]:
        """What has been counted since the process started."""


AuditTrail = Callable[[Connection, str], Awaitable[dict[str, object] | None]]
View = Callable[[Connection], Awaitable[object]]
DegradedReasons = Callable[[Connection], Awaitable[list[str]]]
LoadGauges = Callable[[Connection], Awaitable[Sequence[Gauge]]]


async def _nothing(_: Connection) -> list[str]:
    return []


@dataclass(frozen=True, slots=True)
class ServiceDefinition:
    """A service, taken apart.

    `own_topics` are those it writes, its dead letters included. `trail` tells what is known of one participant,
    None if nothing is. `gauges` are its business metrics, read on scrape, at most every 5 s; `measures` those it counts
    in the process. `views` are its own pages, path -> what is shown; `degraded` says what stands still for a reason of
    the service's own, one sentence each. `causes`: by kind of what waits, the topics that can bring what it waits for.
    `fixed` and `rings` must be what they were when the data were made. `chains`: its hash chains, beside the log of
    operations.
    """

    name: str
    settings: ServiceSettings
    sources: tuple[Source, ...]
    timers: tuple[Timer, ...]
    own_topics: tuple[str, ...]
    adopt: Adopt | None
    audit_trail: AuditTrail
    gauges: LoadGauges
    invariants: tuple[Invariant, ...]
    collectors: tuple[BatchCollector, ...] = ()
    pinned: tuple[PinnedValue, ...] = ()
    rotating_keys: tuple[RotatingKeys, ...] = ()
    chains: tuple[Chains, ...] = ()
    views: Mapping[str, View] = field(default_factory=dict)
    degraded: DegradedReasons = _nothing
    causes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def lane_topic(self) -> str:
        """The first topic with one partition per lane: who holds its partition L, holds lane L."""
        partitions = {topic.name: topic.partitions for topic in TOPICS}
        return next(source.topic for source in self.sources if partitions.get(source.topic, LANES) == LANES)

    def transaction_terms(self, vault: KeyRing, chain: ChainKey) -> TransactionTerms:
        """Return what is the same for all transactions of this service; `vault` seals what is parked."""
        return TransactionTerms(
            service=self.name,
            vault=vault,
            chain=chain,
            internal_topics=frozenset(source.topic for source in self.sources if source.internal),
            wait_at_most=timedelta(seconds=self.settings.wait_at_most_seconds),
            waiting_per_key=self.settings.waiting_per_key,
            batch_records=self.settings.batch_records,
            waiting_in_all=self.settings.waiting_in_all,
        )


@dataclass(frozen=True, slots=True)
class PostMigrationStep:
    """Define what `migrate` does with the service's keys after the schema; done twice, nothing more happens.

    `is_needed`: only then the keys are read. `carry_out` says in sentences what it has done.
    """

    is_needed: Callable[[Connection], Awaitable[bool]]
    run: Callable[[ServiceDefinition, TransactionTerms, Connection], Awaitable[Sequence[str]]]
