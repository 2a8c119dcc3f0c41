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

from shared.contracts.reasons import Parked
from shared.contracts.topics import LANES
from shared.messaging.lane import QUERIES
from shared.messaging.message import Record
from shared.messaging.number import ERA_AHEAD_AT_MOST, number_of, source_of
from shared.messaging.page import Page, Said
from shared.messaging.plan import Plan
from shared.messaging.saving import insert_pages
from shared.messaging.session import Session
from shared.messaging.subscription import Tail
from shared.messaging.topics import Topics
from shared.messaging.transaction import Transaction

LOG = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Stretch:
    """Offsets of one of our topics and lanes that may hold what is on no page of ours."""

    place: TopicPartition
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Numbered:
    record: Record
    value: bytes
    era: int
    era_first: int
    sequence: int
    said_at: datetime


async def adopt_tails(session: Session, topics: Topics, plan: Plan, latest_era: int) -> None:
    """Adopts what our own topics hold beyond our pages, in all lanes, held or not; normally there is nothing.

    Each portion is one transaction that moves the mark as well, so an adoption that is cut goes on where it was.
    """
    async with session.alone() as connection:
        stretches = await _unnoted(connection, topics, plan.own_topics)
    for stretch in stretches:
        async with session.alone() as connection:
            numbers = await _numbers(connection, stretch.place)
        adopted, start = 0, stretch.start
        while start < stretch.end:
            records, start = await topics.read_portion(stretch.place, start, stretch.end)
            found = _numbered(records, source_of(plan.service).encode(), latest_era + ERA_AHEAD_AT_MOST)
            portion = _Portion(stretch.place, found, numbers)
            async with session.alone() as connection:
                forgotten = await portion.forgotten(connection)
            if forgotten:
                adopted += len(forgotten)
                await _adopt(session, plan, portion)
        async with session.alone() as connection:
            await connection.execute(QUERIES["note_seen"], *stretch.place, stretch.end)
        if adopted:
            LOG.warning("takeover", topic=stretch.place.topic, lane=stretch.place.partition, adopted=adopted)


async def _adopt(session: Session, plan: Plan, portion: "_Portion") -> None:
    async def body(tx: Transaction) -> None:
        tail = await portion.take_over(tx)
        if tail.pages and plan.adopt is not None:
            await plan.adopt(tx, tail)

    # All lanes: what a service set aside for one lane may have to go to another, and nobody decides meanwhile.
    await session.transact(range(LANES), body, now=plan.clock.now())


async def _unnoted(connection: Connection, topics: Topics, own_topics: Sequence[str]) -> list[Stretch]:
    """Return what stands behind the last record noted as published, and before it if others have written it.

    The topics come in the order in which they are listed.

    Where that record is gone the topic was emptied or recreated: everything kept is asked to be said again.
    """
    rows = await connection.fetch(QUERIES["load_publications"], list(range(LANES)))
    places = {TopicPartition(row["topic"], row["lane"]): row for row in rows if row["topic"] in own_topics}
    ends, beginnings = await topics.ends(places), await topics.beginnings(places)
    gone = await lost_marks(topics, places.values())
    stretches = []
    for place, row in places.items():
        start = beginnings[place]
        if place in gone:
            await connection.execute(QUERIES["ask_to_say_again"], place.topic, place.partition, 1)
        elif row["mark_offset"] is not None:
            behind = row["mark_offset"] + 1
            start = max(start, behind if row["unseen_from"] is None else min(behind, row["unseen_from"]))
        if start < ends[place]:
            stretches.append(Stretch(place, start, ends[place]))
    return sorted(stretches, key=lambda one: (own_topics.index(one.place.topic), one.place.partition))


async def lost_marks(topics: Topics, publications: Iterable[Any]) -> set[TopicPartition]:
    """The topics and lanes whose last acknowledged record no longer stands where it stood."""
    marks = {TopicPartition(row["topic"], row["lane"]): row for row in publications if row["mark_offset"] is not None}
    found = await topics.records_at({place: row["mark_offset"] for place, row in marks.items()})
    return {
        place for place, row in marks.items() if place not in found or found[place].header("ce_id") != row["mark_id"]
    }


async def _numbers(connection: Connection, place: TopicPartition) -> "_Numbers":
    """Where our own pages end in a topic and lane, for what follows on them."""
    (row,) = await connection.fetch(QUERIES["end_of_pages"], place.topic, place.partition)
    return _Numbers(row["era"], row["last_sequence"])


class _Numbers:
    """Tells whether a number is missing. Each era has to be whole by itself: a later one says other things under it."""

    def __init__(self, era: int, last_sequence: int) -> None:
        self._last = {era: last_sequence}
        self._seen = {era: last_sequence}

    def read(self, n: _Numbered) -> None:
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

    def __init__(self, place: TopicPartition, numbered: Sequence[_Numbered], numbers: _Numbers) -> None:
        self._place = place
        self._numbered = numbered
        for n in numbered:
            numbers.read(n)
        self._whole = numbers.whole

    async def forgotten(self, connection: Connection) -> list[_Numbered]:
        """Those that are on no page of ours, each once, in the order in which they were said."""
        if not self._numbered:
            return []
        numbers = [n.sequence for n in self._numbered]
        place = (self._place.topic, self._place.partition)
        ranges = await connection.fetch(QUERIES["load_page_ranges"], *place, min(numbers), max(numbers))
        found: dict[tuple[int, int], _Numbered] = {}
        for n in self._numbered:
            if not any(r["era"] == n.era and r["first_sequence"] <= n.sequence <= r["last_sequence"] for r in ranges):
                found.setdefault((n.era, n.sequence), n)
        return [n for _, n in sorted(found.items())]

    async def take_over(self, tx: Transaction) -> Tail:
        """Makes pages of what is still on none, now that nobody else can, and moves the mark to the end."""
        topic, lane = self._place.topic, self._place.partition
        pages = [_page(self._place, n) for n in await self.forgotten(tx.connection)]
        if pages:
            await insert_pages(tx, pages)
            last = self._numbered[-1].record
            await tx.connection.execute(QUERIES["move_mark"], topic, lane, last.offset, last.header("ce_id"))
            era = max(page.era for page in pages)
            await tx.connection.execute(QUERIES["raise_era_to"], lane, era, tx.now)
        return Tail(topic, lane, pages, self._whole)


def _numbered(records: Iterable[Record], source: bytes, newest_era: int) -> list[_Numbered]:
    """Return what is ours; what somebody else has put into our topic has no number that fits."""
    found = []
    for record in records:
        with contextlib.suppress(Parked, ValueError):
            number = number_of(record, source, newest_era)
            said_at = datetime.fromisoformat(record.header("ce_time"))
            # We write compact JSON, one line an event.
            if record.value is not None and b"\n" not in record.value:
                found.append(_Numbered(record, record.value, *number, said_at))
    return found


def _page(place: TopicPartition, n: _Numbered) -> Page:
    extra = {
        name: value.decode()
        for name, value in n.record.headers
        if value is not None and (name.startswith("salur_") or name == "traceparent")
    }
    said = Said(n.record.header("ce_type"), (n.record.key or b"").decode(), n.value, extra)
    return Page(place.topic, place.partition, n.era, n.era_first, n.sequence, n.said_at, [said], adopted=True)
