"""The transaction that handlers and timers get, with all that they may do in it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeVar

from asyncpg import Connection, UniqueViolationError

from shared.contracts.envelope import MAX_RECORD_BYTES
from shared.contracts.events import EventType
from shared.contracts.park_reasons import ParkReason
from shared.contracts.seals import KeyRing
from shared.errors import SalurError
from shared.messaging.chain import ChainKey
from shared.messaging.message import Message
from shared.messaging.outbox.page import OutboxEvent
from shared.messaging.queries import QUERIES
from shared.messaging.transaction.deferral import Deferrals, DeferredRecord, ReleaseBudget
from shared.messaging.transaction.lane import Lane
from shared.messaging.transaction.parking import ParkedRecord
from shared.messaging.transaction.personal_keys import destroy_secrets

T = TypeVar("T")

CLAIM_COLUMNS = ("kind", "key", "owner")
# The detail of a record whose wait has ended because its person was erased.
ERASED = "erased"
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
NO_COUNTERS: Mapping[tuple[str, int], int] = MappingProxyType({})


class EventTooLarge(SalurError):
    """An event exceeds MAX_RECORD_BYTES, which its readers refuse: bound its fields in the code that emits it."""


@dataclass(frozen=True, slots=True)
class TransactionTerms:
    """The same for all transactions of a service: its name, its keys and its bounds.

    `vault` seals parked records, `chain` the ends of hash chains. A transaction handles at most as many released
    records as a batch may hold.
    """

    service: str
    vault: KeyRing
    chain: ChainKey
    internal_topics: frozenset[str]
    wait_at_most: timedelta
    waiting_per_key: int
    batch_records: int
    waiting_in_all: int = 2_000_000


class Transaction:
    """One database transaction over a batch or a sweep. It collects; nothing in it reaches a broker.

    `connection` is inside BEGIN, in the service's schema, with `lanes` locked. `now` is one reading of the clock.
    `counters` are the next numbers of the topics in these lanes. Deadlines at or before `watermark` may act, since
    everything that could prevent them has been read. What is `emitted`, `parked` or deferred becomes rows at its end.
    With `leave_released` released records are left to sweeps.
    """

    def __init__(
        self,
        connection: Connection,
        terms: TransactionTerms,
        *,
        now: datetime,
        watermark: datetime,
        lanes: dict[int, Lane],
        counters: Mapping[tuple[str, int], int] = NO_COUNTERS,
        deferred_count: int = 0,
        leave_released: bool = False,
    ) -> None:
        self.connection = connection
        self.now = now
        # The clock may have been set back since the watermark was found.
        self.watermark = min(watermark, now)
        self.lanes = lanes
        self.counters = counters
        self.emitted: dict[tuple[str, int], list[OutboxEvent]] = {}
        self.parked: list[ParkedRecord] = []
        budget = ReleaseBudget(0 if leave_released else terms.batch_records)
        self.deferrals = Deferrals(connection, now, lanes, budget, deferred_count)
        self._claimed: dict[str, set[str]] = {}
        self._terms = terms

    @property
    def chain(self) -> ChainKey:
        """The key that seals the ends of hash chains."""
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
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> int | None:
        """Emit an event in a lane and return its number; the lane's publisher publishes it after the commit.

        The number is None in a lane that was not locked when the transaction began. `topic` replaces the event type's
        own, `headers` come besides those of the envelope. Raise EventTooLarge.
        """
        return self.emit_json(event, event.dump(data), lane=lane, key=key, topic=topic, trace=trace, headers=headers)

    def emit_json(
        self,
        event: EventType[Any],
        data: bytes,
        *,
        lane: int,
        key: str,
        topic: str | None = None,
        trace: str | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> int | None:
        """Emit an event whose data the caller has written by its contract.

        For events so frequent that their models cost too much; the figures stand where it is used.
        """
        if len(data) > MAX_RECORD_BYTES:
            raise EventTooLarge(f"{event.name} of {key} has {len(data)} bytes, {MAX_RECORD_BYTES} are allowed")
        if trace:
            headers = {"traceparent": trace, **headers}
        place = (topic or event.topic, lane)
        events = self.emitted.setdefault(place, [])
        events.append(OutboxEvent(event.name, key, data, headers))
        first = self.counters.get(place)
        return None if first is None else first + len(events) - 1

    def park(self, message: Message[Any], reason: ParkReason, detail: str = "") -> None:
        """Park a record that breaks a rule. No value from it may stand in `detail`."""
        self.parked.append(ParkedRecord(message.record, reason, detail, message.lane))

    def defer(self, message: Message[Any], kind: str, key: str, *, owner: str = "") -> None:
        """Defer a message until `release(kind, key)`. One that came from an internal topic never expires.

        An identical message is kept once. Of those that expire, the number of a key is bounded, and that of all; where
        many messages are deferred for one cause, each `owner` has a bound of its own.
        """
        internal = message.record.topic in self._terms.internal_topics
        due = None if internal else self.now + self._terms.wait_at_most
        self.deferrals.records.append(DeferredRecord(message.record, kind, key, message.lane, due, owner))

    def release(self, kind: str, key: str) -> None:
        """Release the messages deferred under the key: a portion in this transaction, the rest in sweeps."""
        self.deferrals.released[(kind, key)] = None

    async def erase_personal(self, people: Collection[str]) -> None:
        """Destroy the keys of these people for ever; what is deferred of them is parked, without its bytes."""
        if not people:
            return
        await destroy_secrets(self.connection, people)
        self.park_of_erased(await self.deferrals.take_of(people))

    def park_of_erased(self, deferred: Iterable[DeferredRecord]) -> None:
        """Park records that wait no longer, since their people were erased."""
        self.parked.extend(ParkedRecord(one.record, ParkReason.WAIT_EXPIRED, ERASED, one.lane) for one in deferred)

    async def deferred_keys(self, kind: str, lanes: Sequence[int], among: Collection[str]) -> list[str]:
        """Return those of the keys under which messages are deferred in these lanes and not released yet."""
        return await self.deferrals.load_keys(kind, lanes, among)

    async def claim(self, kind: str, wanted: Mapping[str, str]) -> dict[str, str]:
        """Claim keys, which are unique across lanes for ever, for the owners wanted; return the owner of each key."""
        if not wanted:
            return {}
        keys = sorted(wanted)
        owners = [wanted[key] for key in keys]
        try:
            # Nearly always none of them is claimed, and copied rows take less than half the log of others.
            async with self.connection.transaction():
                records = [(kind, key, owner) for key, owner in zip(keys, owners, strict=True)]
                await self.connection.copy_records_to_table("claim", columns=CLAIM_COLUMNS, records=records)
            mine = keys
        except UniqueViolationError:
            mine = [row["key"] for row in await self.connection.fetch(QUERIES["insert_claims"], kind, keys, owners)]
        self._claimed.setdefault(kind, set()).update(mine)
        if len(mine) == len(keys):
            return dict(wanted)
        rows = await self.connection.fetch(QUERIES["load_claims"], kind, keys)
        return {row["key"]: row["owner"] for row in rows}

    def claimed_here(self, kind: str) -> Collection[str]:
        """Return the keys that were claimed first in this transaction."""
        return self._claimed.get(kind, frozenset())

    async def unclaim(self, kind: str, keys: Iterable[str]) -> None:
        """Delete claims made in this transaction; older ones stand."""
        unused = [key for key in keys if key in self._claimed.get(kind, ())]
        if unused:
            await self.connection.execute(QUERIES["delete_claims"], kind, unused)
            self._claimed[kind].difference_update(unused)

    def catching_up(self, lane: int) -> bool:
        """Return True after a restore, until the inputs of the lane are read to the ends seen after the adoption."""
        return self.lanes[lane].catching_up
