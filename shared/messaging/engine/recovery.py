"""Recover after a restore: events in our own topics that are on none of our pages were published before it.

They stay binding. They become pages again and are handed to the service, in portions, before anything is decided.
"""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from aiokafka import TopicPartition
from asyncpg import Connection

from shared.contracts.park_reasons import Parked
from shared.contracts.topics import LANES
from shared.messaging.engine.plan import Plan
from shared.messaging.message import Record
from shared.messaging.outbox.page import OutboxEvent, Page
from shared.messaging.queries import QUERIES
from shared.messaging.reading.topic_inspector import TopicInspector
from shared.messaging.sequence_number import ERA_AHEAD_AT_MOST, sequence_number_of, source_of
from shared.messaging.transaction.flush import insert_pages
from shared.messaging.transaction.session import EngineSession
from shared.messaging.transaction.subscription import Tail
from shared.messaging.transaction.transaction import Transaction

LOG = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """Offsets of one of our topics and lanes that may hold what is on no page of ours."""

    place: TopicPartition
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _NumberedRecord:
    record: Record
    value: bytes
    era: int
    era_first: int
    sequence: int
    emitted_at: datetime


async def adopt_tails(session: EngineSession, inspector: TopicInspector, plan: Plan, latest_era: int) -> None:
    """Adopts what our own topics hold beyond our pages, in all lanes, held or not; normally there is nothing.

    Each portion is one transaction that moves the mark as well, so an adoption that is cut goes on where it was.
    """
    async with session.exclusive() as connection:
        ranges = await _unrecorded_ranges(connection, inspector, plan.own_topics)
    for range_ in ranges:
        async with session.exclusive() as connection:
            numbers = await _load_sequence_tracker(connection, range_.place)
        adopted, start = 0, range_.start
        while start < range_.end:
            records, start = await inspector.read_portion(range_.place, start, range_.end)
            found = _numbered_records(records, source_of(plan.service).encode(), latest_era + ERA_AHEAD_AT_MOST)
            portion = _Portion(range_.place, found, numbers)
            async with session.exclusive() as connection:
                forgotten = await portion.missing(connection)
            if forgotten:
                adopted += len(forgotten)
                await _adopt(session, plan, portion)
        async with session.exclusive() as connection:
            await connection.execute(QUERIES["note_seen"], *range_.place, range_.end)
        if adopted:
            LOG.warning("takeover", topic=range_.place.topic, lane=range_.place.partition, adopted=adopted)


async def _adopt(session: EngineSession, plan: Plan, portion: "_Portion") -> None:
    async def body(tx: Transaction) -> None:
        tail = await portion.adopt(tx)
        if tail.pages and plan.adopt is not None:
            await plan.adopt(tx, tail)

    # All lanes: what a service set aside for one lane may have to go to another, and nobody decides meanwhile.
    await session.transact(range(LANES), body, now=plan.clock.now())


async def _unrecorded_ranges(
    connection: Connection, inspector: TopicInspector, own_topics: Sequence[str]
) -> list[OffsetRange]:
    """Return what stands behind the last record noted as published, and before it if others have written it.

    The topics come in the order in which they are listed.

    Where that record is gone the topic was emptied or recreated: everything kept is asked to be said again.
    """
    rows = await connection.fetch(QUERIES["load_publications"], list(range(LANES)))
    places = {TopicPartition(row["topic"], row["lane"]): row for row in rows if row["topic"] in own_topics}
    ends, beginnings = await inspector.ends(places), await inspector.beginnings(places)
    gone = await lost_marks(inspector, places.values())
    ranges = []
    for place, row in places.items():
        start = beginnings[place]
        if place in gone:
            await connection.execute(QUERIES["request_republish"], place.topic, place.partition, 1)
        elif row["mark_offset"] is not None:
            behind = row["mark_offset"] + 1
            start = max(start, behind if row["unseen_from"] is None else min(behind, row["unseen_from"]))
        if start < ends[place]:
            ranges.append(OffsetRange(place, start, ends[place]))
    return sorted(ranges, key=lambda one: (own_topics.index(one.place.topic), one.place.partition))


async def lost_marks(inspector: TopicInspector, publications: Iterable[Any]) -> set[TopicPartition]:
    """The topics and lanes whose last acknowledged record no longer stands where it stood."""
    marks = {TopicPartition(row["topic"], row["lane"]): row for row in publications if row["mark_offset"] is not None}
    found = await inspector.records_at({place: row["mark_offset"] for place, row in marks.items()})
    return {
        place for place, row in marks.items() if place not in found or found[place].header("ce_id") != row["mark_id"]
    }


async def _load_sequence_tracker(connection: Connection, place: TopicPartition) -> "_SequenceTracker":
    """Where our own pages end in a topic and lane, for what follows on them."""
    (row,) = await connection.fetch(QUERIES["end_of_pages"], place.topic, place.partition)
    return _SequenceTracker(row["era"], row["last_sequence"])


class _SequenceTracker:
    """Tells whether a number is missing. Each era has to be whole by itself: a later one says other things under it."""

    def __init__(self, era: int, last_sequence: int) -> None:
        self._last = {era: last_sequence}
        self._seen = {era: last_sequence}

    def read(self, n: _NumberedRecord) -> None:
        last = self._last.get(n.era)
        begins = last is None and n.sequence == n.era_first <= max(self._last.values()) + 1
        if begins or n.sequence - 1 == last:
            self._last[n.era] = n.sequence
        self._seen[n.era] = max(n.sequence, self._seen.get(n.era, 0))

    @property
    def whole(self) -> bool:
        return self._last == self._seen


class _Portion:
    """Some records of a stretch, the last number of which is known to `numbers`."""

    def __init__(self, place: TopicPartition, numbered: Sequence[_NumberedRecord], numbers: _SequenceTracker) -> None:
        self._place = place
        self._numbered = numbered
        for n in numbered:
            numbers.read(n)
        self._whole = numbers.whole

    async def missing(self, connection: Connection) -> list[_NumberedRecord]:
        """Those that are on no page of ours, each once, in the order in which they were said."""
        if not self._numbered:
            return []
        numbers = [n.sequence for n in self._numbered]
        place = (self._place.topic, self._place.partition)
        ranges = await connection.fetch(QUERIES["load_page_ranges"], *place, min(numbers), max(numbers))
        found: dict[tuple[int, int], _NumberedRecord] = {}
        for n in self._numbered:
            if not any(r["era"] == n.era and r["first_sequence"] <= n.sequence <= r["last_sequence"] for r in ranges):
                found.setdefault((n.era, n.sequence), n)
        return [n for _, n in sorted(found.items())]

    async def adopt(self, tx: Transaction) -> Tail:
        """Makes pages of what is still on none, now that nobody else can, and moves the mark to the end."""
        topic, lane = self._place.topic, self._place.partition
        pages = [_page(self._place, n) for n in await self.missing(tx.connection)]
        if pages:
            await insert_pages(tx, pages)
            last = self._numbered[-1].record
            await tx.connection.execute(QUERIES["move_mark"], topic, lane, last.offset, last.header("ce_id"))
            era = max(page.era for page in pages)
            await tx.connection.execute(QUERIES["raise_era_to"], lane, era, tx.now)
        return Tail(topic, lane, pages, self._whole)


def _numbered_records(records: Iterable[Record], source: bytes, newest_era: int) -> list[_NumberedRecord]:
    """Return what is ours; what somebody else has put into our topic has no number that fits."""
    found = []
    for record in records:
        with contextlib.suppress(Parked, ValueError):
            number = sequence_number_of(record, source, newest_era)
            emitted_at = datetime.fromisoformat(record.header("ce_time"))
            # We write compact JSON, one line an event.
            if record.value is not None and b"\n" not in record.value:
                found.append(_NumberedRecord(record, record.value, *number, emitted_at))
    return found


def _page(place: TopicPartition, n: _NumberedRecord) -> Page:
    extra = {
        name: value.decode()
        for name, value in n.record.headers
        if value is not None and (name.startswith("salur_") or name == "traceparent")
    }
    event = OutboxEvent(n.record.header("ce_type"), (n.record.key or b"").decode(), n.value, extra)
    return Page(place.topic, place.partition, n.era, n.era_first, n.sequence, n.emitted_at, [event], adopted=True)
