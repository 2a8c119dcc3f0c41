"""The definition of a service: all that the runtime knows of it."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from asyncpg import Connection
from prometheus_client.core import Metric

from shared.contracts.seals import KeyRing
from shared.contracts.topics import LANES, TOPICS
from shared.messaging.chain import ChainKey, Chains
from shared.messaging.engine.plan import CommittedBatch
from shared.messaging.transaction.subscription import Adopt, Source, Timer
from shared.messaging.transaction.transaction import TransactionTerms
from shared.postgres.chunks import OnPortion
from shared.runtime.commands import Command
from shared.runtime.data_identity import PinnedValue, RotatingKeys
from shared.runtime.explanation import Explain
from shared.runtime.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class Gauge:
    """One number that is read from the tables when metrics are scraped. No label identifies a person."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Invariant:
    """A statement that always holds. `check` returns one sentence for each breach."""

    id: str
    name: str
    check: Callable[[Connection], Awaitable[list[str]]]


class BatchCollector(Protocol):
    """Metrics that a service counts itself. No label identifies a person."""

    def observe(self, batch: CommittedBatch) -> None:
        """Count a batch that has just been committed."""

    def collect(self) -> Iterable[Metric]:
        """Return the metrics counted since the process started."""


AuditTrail = Callable[[Connection, str], Awaitable[dict[str, object] | None]]
View = Callable[[Connection], Awaitable[object]]
DegradedReasons = Callable[[Connection], Awaitable[list[str]]]
Reseal = Callable[[Connection, OnPortion], Awaitable[Sequence[str]]]
"""Seals again what is kept under another key, and returns sentences about it."""
LoadGauges = Callable[[Connection], Awaitable[Sequence[Gauge]]]


async def _nothing(_: Connection) -> list[str]:
    return []


@dataclass(frozen=True, slots=True)
class ServiceDefinition:
    """A service, as the runtime sees it.

    `own_topics` are those it writes, its dead letters included. `audit_trail` returns all that is known of one
    participant, None if nothing is, and `explain` each decision about them. `gauges` are its business metrics, read on
    scrape, at most every 5 s; `collectors` those it counts in the process. `views` are its own HTTP pages: path ->
    content; `commands` what it does for a person who asks over HTTP. `degraded` returns a sentence for each thing that
    stands still for a reason of the service's own. `causes` are the topics that can resolve a deferred record, by its
    kind. `pinned` and `rotating_keys` must be as they were when the data were made. `key_rings` are all rings that it
    uses, in one order, so that a process can take over keys that were read later; `reseal` seals what it keeps again
    under the first key of its own. `chains` are its hash chains, besides the log of operations.
    """

    name: str
    settings: ServiceSettings
    sources: tuple[Source, ...]
    timers: tuple[Timer, ...]
    own_topics: tuple[str, ...]
    adopt: Adopt | None
    audit_trail: AuditTrail
    explain: Explain
    gauges: LoadGauges
    invariants: tuple[Invariant, ...]
    collectors: tuple[BatchCollector, ...] = ()
    pinned: tuple[PinnedValue, ...] = ()
    rotating_keys: tuple[RotatingKeys, ...] = ()
    key_rings: tuple[KeyRing, ...] = ()
    reseal: Reseal | None = None
    chains: tuple[Chains, ...] = ()
    views: Mapping[str, View] = field(default_factory=dict)
    commands: tuple[Command, ...] = ()
    degraded: DegradedReasons = _nothing
    causes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def lane_topic(self) -> str:
        """The first topic with one partition per lane; the process that holds its partition L holds lane L."""
        partitions = {topic.name: topic.partitions for topic in TOPICS}
        return next(source.topic for source in self.sources if partitions.get(source.topic, LANES) == LANES)

    def transaction_terms(self, vault: KeyRing, chain: ChainKey) -> TransactionTerms:
        """Return the terms of all transactions of this service; `vault` seals parked records."""
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
    """A step of `migrate` that needs the service's keys, after the schema; a second run changes nothing.

    The keys are read only if `is_needed`. `run` returns sentences about what it has done.
    """

    is_needed: Callable[[Connection], Awaitable[bool]]
    run: Callable[[ServiceDefinition, TransactionTerms, Connection], Awaitable[Sequence[str]]]
