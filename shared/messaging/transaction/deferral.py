"""Deferred records: kept in `waiting` until their cause has come or their lane is resumed, then handled in order."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import compress
from operator import itemgetter
from typing import Any, NamedTuple

from asyncpg import Connection, UniqueViolationError
from asyncpg import Record as Row

from shared.contracts.person import person_of
from shared.contracts.seals import holds_seal
from shared.contracts.topics import LANES
from shared.messaging.message import Record, pack, unpack, without_ballast
from shared.messaging.queries import QUERIES
from shared.messaging.reading.position import PositionMoved
from shared.messaging.transaction.lane import Lane
from shared.messaging.transaction.personal_keys import load_erased
from shared.postgres.chunks import chunks
from shared.postgres.columns import columns

# Of these kinds all records are kept, identical ones as well, and handled in the order in which they came.
KEPT_APART = ("lane", "replay")
NO_LANE = -1
PORTION = 500
TAKEN_BYTES = 4 << 20
COPIED_COLUMNS = (
    *("lane", "kind", "key", "owner", "topic", "partition", "offset"),
    *("since", "due", "digest", "person", "record"),
)


class QueueKey(NamedTuple):
    """The key of a queue: deferred records with the same are in one order. A tuple, since Postgres gives rows of it."""

    lane: int | None
    kind: str
    key: str


class BoundKey(NamedTuple):
    """The key of a bound: so many records with the same may be deferred, and an identical one once."""

    kind: str
    key: str
    owner: str


@dataclass(frozen=True, slots=True)
class DeferredRecord:
    """A record that is handled later. `due` is when it expires, None if it never does."""

    record: Record
    kind: str
    key: str
    lane: int | None
    due: datetime | None
    owner: str = ""

    @property
    def queue_key(self) -> QueueKey:
        return QueueKey(self.lane, self.kind, self.key)

    @property
    def bound_key(self) -> BoundKey:
        return BoundKey(self.kind, self.key, self.owner)

    @property
    def person(self) -> str | None:
        """Return the participant that the record is about, if it holds a seal; None if it holds nothing personal."""
        return person_of(self.record.key, self.record.value) if holds_seal(self.record.value) else None

    def digest(self) -> bytes | None:
        """Return what identical records of one bound have in common; None for one that is kept in any case."""
        return None if self.kind in KEPT_APART else self.record.identity()


@dataclass(frozen=True, slots=True)
class ReplayedRecord:
    """A parked record, packed, that is handled once more; `number` is that of its row, `person` whom it is about."""

    number: str
    lane: int | None
    topic: str
    partition: int
    offset: int
    person: str | None
    packed: bytes


@dataclass(slots=True)
class ReleaseBudget:
    """The released records, and bytes of them, that a transaction may still handle; others are left to the sweeps."""

    records: int
    size: int = TAKEN_BYTES

    def take(self, packed: Sequence[bytes]) -> None:
        """Subtract these records; without room for another byte there is none for another record."""
        self.size -= sum(map(len, packed))
        self.records = self.records - len(packed) if self.size > 0 else 0


class Deferrals:
    """The records that one transaction defers, and the deferred ones that it handles.

    `count` is the number of deferred records of the service, as counted last and added up since. `budget` bounds what
    is handled of `released` keys. `remaining` are the queues of which something was left to the sweeps, and
    `queued_behind` the keys under which records of this transaction stand behind older ones.
    """

    def __init__(
        self, connection: Connection, now: datetime, lanes: Mapping[int, Lane], budget: ReleaseBudget, count: int
    ) -> None:
        self.records: list[DeferredRecord] = []
        self.count = count
        self.budget = budget
        self.released: dict[tuple[str, str], None] = {}
        self.remaining: set[QueueKey] = set()
        self.queued_behind: set[tuple[str, str]] = set()
        self._connection = connection
        self._now = now
        self._lanes = lanes

    async def load_keys(self, kind: str, lanes: Sequence[int], among: Collection[str]) -> list[str]:
        """Return those of the keys under which records are deferred in these lanes and not released yet."""
        if not among:
            return []
        rows = await self._connection.fetch(QUERIES["load_deferred_keys"], kind, list(lanes), list(among))
        return [row["key"] for row in rows]

    async def load_queues(self, keys: Collection[QueueKey]) -> dict[QueueKey, bool]:
        """Return those of the queues behind which a new record has to stand, and whether each is released."""
        rows = await self._connection.fetch(QUERIES["load_queued"], *columns(keys, "lane", "kind", "key"))
        return {QueueKey(row["lane"], row["kind"], row["key"]): row["marked"] for row in rows}

    async def set_aside(self, records: Sequence[DeferredRecord]) -> None:
        """Defer records whose lane stands still; later ones of the lane stand behind them."""
        self.records.extend(records)
        lanes = sorted({one.lane for one in records if one.lane is not None})
        await self._connection.execute(QUERIES["mark_set_aside"], lanes)

    async def take_portion(self, ids: Sequence[int]) -> None:
        """Delete released records that are handled now, and end the turn of their queues.

        Raise PositionMoved if another process has handled one of them.
        """
        rows = await self._delete(ids)
        queues = {QueueKey(row["lane"], row["kind"], row["key"]) for row in rows}
        await self._connection.execute(QUERIES["end_turns"], *columns(queues, "lane", "kind", "key"))

    async def take_expired(
        self, lanes: Sequence[int], until: datetime, kinds: Sequence[str], limits: tuple[int, int], *, named: bool
    ) -> list[Record]:
        """Delete and return records that were due at `until`, of these kinds or (not `named`) of all others.

        `limits` are the most records and bytes. Raise PositionMoved if another process has handled one of them.
        """
        rows = await self._connection.fetch(QUERIES["load_expired"], list(lanes), until, kinds, named, *limits)
        await self._delete([row["id"] for row in rows])
        return [unpack(row["record"]) for row in rows]

    async def take_of(self, people: Collection[str]) -> list[DeferredRecord]:
        """Delete and return, in their order, the records that hold something personal of these people.

        Not in a lane that is catching up after a restore.
        """
        rows = await self._connection.fetch(QUERIES["take_deferred_of"], sorted(people))
        self.count -= len(rows)
        rows.sort(key=itemgetter("id"))
        lanes = [None if row["lane"] == NO_LANE else row["lane"] for row in rows]
        return [
            DeferredRecord(unpack(row["record"]), row["kind"], row["key"], lane, row["due"])
            for row, lane in zip(rows, lanes, strict=True)
        ]

    async def take_of_erased(self) -> list[DeferredRecord]:
        """Take out and return those of this transaction's records of which `take_of` would have returned a row."""
        people = [one.person or "" for one in self.records]
        erased = await load_erased(self._connection, set(people) - {""}) if any(people) else set()
        if not erased:
            return []
        catching_up = {number for number, lane in self._lanes.items() if lane.catching_up}
        ended = [
            person in erased and one.lane not in catching_up for one, person in zip(self.records, people, strict=True)
        ]
        taken = list(compress(self.records, ended))
        self.records = [one for one, ends in zip(self.records, ended, strict=True) if not ends]
        return taken

    async def _delete(self, ids: Sequence[int]) -> list[Row]:
        rows: list[Row] = await self._connection.fetch(QUERIES["delete_deferred"], ids)
        if len(rows) != len(ids):
            raise PositionMoved
        self.count -= len(ids)
        return rows

    async def take_released(self) -> list[tuple[Record, tuple[str, str]]]:
        """Delete and return records of the keys released since the last call, as the budget allows, oldest first.

        Each comes with its kind and key. The others, and those of other lanes, are marked for the sweeps.
        """
        # Sorted, so that two processes that mark the same keys do not wait for each other in a ring.
        released = sorted(self.released)
        self.released.clear()
        kinds, keys = [kind for kind, _ in released], [key for _, key in released]
        rows = []
        if self.budget.records > 0:
            room = self.budget
            rows = await self._connection.fetch(
                QUERIES["take_deferred"], kinds, keys, list(self._lanes), room.records, room.size
            )
            room.take([row["record"] for row in rows])
            self.count -= len(rows)
        left = await self._connection.fetch(QUERIES["mark_released"], kinds, keys, LANES - 1)
        self.remaining |= {QueueKey(row["lane"], row["kind"], row["key"]) for row in left}
        rows.sort(key=lambda row: row["id"])
        taken = [(unpack(row["record"]), (row["kind"], row["key"])) for row in rows]
        return taken + self._take_own(set(released))

    def _take_own(self, released: set[tuple[str, str]]) -> list[tuple[Record, tuple[str, str]]]:
        """Return released records that this transaction itself has deferred, unless they stand behind others."""
        taken, others = [], []
        for one in self.records:
            key = (one.kind, one.key)
            if key not in released:
                others.append(one)
            elif self.budget.records > 0 and one.queue_key not in self.remaining:
                taken.append((one.record, key))
            else:
                others.append(one)
                self.queued_behind.add(key)
        self.records = others
        return taken

    async def flush(self, per_key: int, in_all: int) -> list[DeferredRecord]:
        """Insert the records in their order and return those for which there is no room.

        An identical record is kept once. Only records that expire are bounded: `per_key` of a bound key, `in_all` of
        the service.
        """
        if not self.records:
            if self.remaining:
                await self._mark_queues([])
            return []
        deferred = _deduplicate(self.records)
        bounded = sorted({one.bound_key for one, _ in deferred if one.due is not None})
        rows = await self._connection.fetch(QUERIES["count_deferred"], *columns(bounded, "kind", "key", "owner"))
        counts = Counter({BoundKey(row["kind"], row["key"], row["owner"]): row["waiting"] for row in rows})
        new = Counter(one.bound_key for one, _ in deferred)
        if self.count + len(deferred) > in_all or any(counts[key] + new[key] > per_key for key in bounded):
            deferred = await self._without_identical(deferred)
        kept: list[tuple[DeferredRecord, bytes | None]] = []
        refused: list[DeferredRecord] = []
        for one, digest in deferred:
            full = counts[one.bound_key] >= per_key or self.count + len(kept) >= in_all
            if one.due is not None and full:
                refused.append(one)
                continue
            counts[one.bound_key] += 1
            kept.append((one, digest))
        self.count += len(kept)
        await self._insert(kept)
        if self.queued_behind:
            kinds, keys = zip(*sorted(self.queued_behind), strict=True)
            await self._connection.execute(QUERIES["mark_released"], kinds, keys, LANES - 1)
        await self._mark_queues([one for one, _ in kept])
        return refused

    async def _mark_queues(self, kept: Sequence[DeferredRecord]) -> None:
        """Note which lanes have queues: behind what is left, and behind what was deferred for a shared cause."""
        queues = {(one.lane, one.kind) for one in kept if one.owner} | {(key.lane, key.kind) for key in self.remaining}
        known = {(number, kind) for number, lane in self._lanes.items() for kind in lane.queues}
        new = [(lane, kind) for lane, kind in queues - known if lane in self._lanes]
        if new:
            await self._connection.execute(QUERIES["mark_queues"], [lane for lane, _ in new], [kind for _, kind in new])

    async def _without_identical(
        self, deferred: Sequence[tuple[DeferredRecord, bytes | None]]
    ) -> list[tuple[DeferredRecord, bytes | None]]:
        """Leave out records that are deferred already: without room, a repeat is no reason to park."""
        rows = await self._connection.fetch(
            QUERIES["load_identical"],
            *columns([one for one, _ in deferred], "kind", "key", "owner"),
            [digest for _, digest in deferred],
        )
        known = {(row["kind"], row["key"], row["owner"], row["digest"]) for row in rows}
        return [(one, digest) for one, digest in deferred if (*one.bound_key, digest) not in known]

    async def _insert(self, deferred: Sequence[tuple[DeferredRecord, bytes | None]]) -> None:
        """Insert records in their order: that of the ids they get is the order in which they are handled."""
        rows = [_row(one, digest, self._now) for one, digest in deferred]
        for some in chunks(rows, lambda row: len(row[-1])):
            try:
                # Nearly always none of them is there already, and copied rows take less of the log than others.
                async with self._connection.transaction():
                    await self._connection.copy_records_to_table("waiting", columns=COPIED_COLUMNS, records=some)
            except UniqueViolationError:
                await self._connection.execute(QUERIES["insert_deferred"], *zip(*some, strict=True))


def _deduplicate(deferred: Sequence[DeferredRecord]) -> list[tuple[DeferredRecord, bytes | None]]:
    """Return each with its digest; of identical ones the first."""
    found: dict[object, tuple[DeferredRecord, bytes | None]] = {}
    for number, one in enumerate(deferred):
        digest = one.digest()
        found.setdefault(number if digest is None else (*one.bound_key, digest), (one, digest))
    return list(found.values())


def _row(one: DeferredRecord, digest: bytes | None, now: datetime) -> tuple[Any, ...]:
    record, lane = one.record, NO_LANE if one.lane is None else one.lane
    place = (lane, one.kind, one.key, one.owner, record.topic, record.partition, record.offset)
    return (*place, now, one.due, digest, one.person, pack(without_ballast(record)))


async def insert_replayed(connection: Connection, replayed: Sequence[ReplayedRecord], now: datetime) -> None:
    """Defer parked records until the sweeps of their lanes; they are handled in this order."""
    values = columns(replayed, "lane", "number", "topic", "partition", "offset", "person", "packed")
    await connection.execute(QUERIES["insert_replayed"], now, *values)
    await connection.execute(QUERIES["mark_replayed_lanes"], values[0])


async def load_replayed(connection: Connection, numbers: Sequence[str]) -> list[tuple[int, Record]]:
    """Return the ids and records of those that were parked under these numbers and are replayed, in order."""
    rows = await connection.fetch(QUERIES["load_replayed"], numbers)
    return [(row["id"], unpack(row["record"])) for row in rows]


async def is_deferred(connection: Connection, deferred_id: int) -> bool:
    """Return True until the record is handled."""
    return bool(await connection.fetch(QUERIES["confirm_deferred"], deferred_id))


async def load_released(
    connection: Connection, lanes: Sequence[int], limits: tuple[int, int]
) -> list[tuple[int, Record, tuple[str, str]]]:
    """Return the ids, records and keys of those to handle next in these lanes: keys in turn, each in order.

    Those of no lane come with the first lane. `limits` are the most records and bytes.
    """
    wanted = [NO_LANE, *lanes] if 0 in lanes else lanes
    rows = await connection.fetch(QUERIES["load_released_portion"], wanted, *limits)
    return [(row["id"], unpack(row["record"]), (row["kind"], row["key"])) for row in rows]


async def load_busy_lanes(connection: Connection, lanes: Collection[int]) -> set[int]:
    """Return those of the lanes in which a record is set aside, or released and not handled yet."""
    return {row["lane"] for row in await connection.fetch(QUERIES["lanes_with_released"], sorted(lanes))}


async def count_deferred(connection: Connection) -> int:
    """Count the deferred records of the service, which reads a whole index."""
    return int(await connection.fetchval(QUERIES["count_all_deferred"]))


async def end_queues(connection: Connection, lanes: Sequence[int]) -> None:
    """Note of these lanes which queues have ended since."""
    for query in ("end_marks", "end_queues", "clear_set_aside"):
        await connection.execute(QUERIES[query], list(lanes))


async def rewrite_deferred(connection: Connection, topic: str, rewrite: Callable[[Record], Record | None]) -> int:
    """Replace deferred records of a topic by what `rewrite` returns, unless that is None; return how many.

    Each portion is a transaction of its own: after an interruption the next call goes on with what is left.
    """
    replaced, after = 0, 0
    while rows := await connection.fetch(QUERIES["load_deferred_portion"], after, PORTION):
        after = rows[-1]["id"]
        records = [(row["id"], rewrite(unpack(row["record"]))) for row in rows if row["topic"] == topic]
        changed = [(number, pack(record)) for number, record in records if record is not None]
        if changed:
            await connection.execute(QUERIES["replace_deferred"], *map(list, zip(*changed, strict=True)))
        replaced += len(changed)
    return replaced
