"""What handlers and timers get. It collects what they decide; nothing in it reaches a broker."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from asyncpg import Connection, UniqueViolationError

from shared.contracts.envelope import MAX_RECORD_BYTES
from shared.contracts.events import EventType
from shared.contracts.park_reasons import ParkReason
from shared.contracts.seals import KeyRing
from shared.messaging.chain import ChainKey
from shared.messaging.message import Message, Record
from shared.messaging.outbox.page import OutboxEvent
from shared.messaging.queries import QUERIES
from shared.messaging.transaction.lane import Lane

T = TypeVar("T")

CLAIM = ("kind", "key", "owner")
KEPT_APART = ("lane", "replay")
"""Kinds of what waits for its lane alone: all of it is handled in order, repeats as well."""


class EventTooLarge(Exception):
    """An event exceeds what its readers accept: the code does not bound it as its contract says."""


@dataclass(frozen=True, slots=True)
class TransactionTerms:
    """Hold what is the same for all transactions of a service.

    Its name, its vault for parked bytes, the key that seals its chains, its bounds. A transaction takes up as many
    woken records as a batch may hold.
    """

    service: str
    vault: KeyRing
    chain: ChainKey
    internal_topics: frozenset[str]
    wait_at_most: timedelta
    waiting_per_key: int
    batch_records: int
    waiting_in_all: int = 2_000_000


@dataclass(frozen=True, slots=True)
class ParkedRecord:
    record: Record
    reason: ParkReason
    detail: str
    lane: int | None


@dataclass(frozen=True, slots=True)
class DeferredRecord:
    record: Record
    kind: str
    key: str
    lane: int | None
    due: datetime | None
    owner: str = ""

    @property
    def bound_key(self) -> tuple[str, str, str]:
        """Return what it waits for, and whose bound it counts against."""
        return (self.kind, self.key, self.owner)

    def digest(self) -> bytes | None:
        """Tell identical records apart from others under a key. None: each keeps a place of its own."""
        return None if self.kind in KEPT_APART else self.record.identity()


@dataclass(slots=True)
class ReleaseBudget:
    """Count the woken records, and bytes of them, that a transaction still takes up; a sweep takes up the others."""

    records: int
    size: int = 4 << 20

    def take(self, records: Sequence[bytes]) -> None:
        """Less room is left; without room for another byte there is none for another record."""
        self.size -= sum(map(len, records))
        self.records = self.records - len(records) if self.size > 0 else 0


QueueKey = tuple[int | None, str, str]
"""(lane, kind, key): where records wait in a row."""


class Transaction:
    """One database transaction over a batch or a sweep.

    `now` is one clock reading; deadlines that fell due at or before `read_through` may act, since what could beat them
    has been read to the ends seen after it. `connection` is inside BEGIN, with the service's schema and the
    batch's lanes locked. `room` bounds what it takes up of what it woke; `left` are the places of which it did not take
    up everything, `behind` keys under which records of its own queue behind older ones that are to be taken up.
    """

    def __init__(
        self,
        connection: Connection,
        terms: TransactionTerms,
        *,
        now: datetime,
        watermark: datetime,
        lanes: dict[int, Lane],
    ) -> None:
        self.connection = connection
        self.now = now
        # The clock may have been set back since; nothing of the future has been read.
        self.watermark = min(watermark, now)
        self.lanes = lanes
        self.emitted: dict[tuple[str, int], list[OutboxEvent]] = {}
        self.parked: list[ParkedRecord] = []
        self.deferred: list[DeferredRecord] = []
        self.deferred_count = 0
        self.released: dict[tuple[str, str], None] = {}
        self.release_budget = ReleaseBudget(terms.batch_records)
        self.remaining: set[QueueKey] = set()
        self.queued_behind: set[tuple[str, str]] = set()
        self._claimed: dict[str, set[str]] = {}
        self._terms = terms

    @property
    def chain(self) -> ChainKey:
        """The key that seals what is added to a chain."""
        return self._terms.chain

    def emit(
        self,
        event: EventType[T],
        data: T,
        *,
        lane: int,
        key: str,
        topic: str | None = None,
        trace: str | None = None,
    ) -> None:
        """Says an event in a lane; it is published after the commit, by the lane's publisher."""
        headers = {"traceparent": trace} if trace else {}
        self.emit_raw(topic or event.topic, lane, OutboxEvent(event.name, key, event.dump(data), headers))

    def emit_raw(self, topic: str, lane: int, event: OutboxEvent) -> None:
        """Say an event; raise EventTooLarge when its readers would refuse it, which stops the lane."""
        if len(event.data) > MAX_RECORD_BYTES:
            raise EventTooLarge(f"{event.type} of {event.key} has {len(event.data)} bytes")
        self.emitted.setdefault((topic, lane), []).append(event)

    def park(self, message: Message[Any], reason: ParkReason, detail: str = "") -> None:
        """The record breaks a rule: kept sealed, pointed out, never looped. No value from it may be in `detail`."""
        self.parked.append(ParkedRecord(message.record, reason, detail, message.lane))

    def defer(self, message: Message[Any], kind: str, key: str, *, owner: str = "") -> None:
        """Sets a message aside until `wake(kind, key)`. What waits for an internal event never expires.

        A key holds a bounded number of messages, an identical one once. Where many wait for one cause, each `owner` has
        the bound of its own.
        """
        internal = message.record.topic in self._terms.internal_topics
        due = None if internal else self.now + self._terms.wait_at_most
        self.deferred.append(DeferredRecord(message.record, kind, key, message.lane, due, owner))

    def release(self, kind: str, key: str) -> None:
        """Take up what waits under the key: a portion in this transaction, the rest by the sweeps of its lanes."""
        self.released[(kind, key)] = None

    async def deferred_keys(self, kind: str, lanes: Sequence[int], among: Collection[str]) -> list[str]:
        """Return for which of these keys somebody waits in these lanes who has not been woken yet."""
        if not among:
            return []
        rows = await self.connection.fetch(QUERIES["load_deferred_keys"], kind, list(lanes), list(among))
        return [row["key"] for row in rows]

    async def claim(self, kind: str, wanted: Mapping[str, str]) -> dict[str, str]:
        """Claims keys that are unique across lanes for ever: key -> owner wanted; returns key -> owner that stands."""
        if not wanted:
            return {}
        keys = sorted(wanted)
        owners = [wanted[key] for key in keys]
        try:
            # Nearly always nobody has claimed any of them, and copied rows take less than half the log of others.
            async with self.connection.transaction():
                records = [(kind, key, owner) for key, owner in zip(keys, owners, strict=True)]
                await self.connection.copy_records_to_table("claim", columns=CLAIM, records=records)
            mine = keys
        except UniqueViolationError:
            mine = [row["key"] for row in await self.connection.fetch(QUERIES["insert_claims"], kind, keys, owners)]
        self._claimed.setdefault(kind, set()).update(mine)
        if len(mine) == len(keys):
            return dict(wanted)
        rows = await self.connection.fetch(QUERIES["load_claims"], kind, keys)
        return {row["key"]: row["owner"] for row in rows}

    def claimed_here(self, kind: str) -> Collection[str]:
        """The keys that this very transaction has claimed first."""
        return self._claimed.get(kind, frozenset())

    async def release_claims(self, kind: str, keys: Iterable[str]) -> None:
        """Gives back claims made in this very transaction; older ones stand."""
        unused = [key for key in keys if key in self._claimed.get(kind, ())]
        if unused:
            await self.connection.execute(QUERIES["delete_claims"], kind, unused)
            self._claimed[kind].difference_update(unused)

    def catching_up(self, lane: int) -> bool:
        """After a restore this lane has not yet read again all that it once knew."""
        return self.lanes[lane].catching_up
