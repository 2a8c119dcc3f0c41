"""Recover after a restore: events in our own topics that are on none of our pages were published before it.

They stay binding. They become pages again and are handed to the service, in portions, before anything is decided.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import TopicPartition
from asyncpg import Connection

from shared.contracts.topics import LANES
from shared.messaging.engine.plan import Plan
from shared.messaging.engine.published_records import PublishedRecord, SequenceTracker, published_records
from shared.messaging.outbox.page import Page
from shared.messaging.outbox.store import insert_pages
from shared.messaging.queries import QUERIES
from shared.messaging.reading.topic_inspector import TopicInspector
from shared.messaging.sequence_number import ERA_AHEAD_AT_MOST, source_of
from shared.messaging.transaction.lane import real_microseconds
from shared.messaging.transaction.session import EngineSession
from shared.messaging.transaction.subscription import Tail
from shared.messaging.transaction.transaction import Transaction

LOG = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """The offsets in [start, end) of one of our topics and lanes that may hold events missing from our pages."""

    place: TopicPartition
    start: int
    end: int


async def adopt_tails(session: EngineSession, inspector: TopicInspector, plan: Plan) -> None:
    """Adopt the events of our own topics that are on no page, in all lanes, held or not; normally there are none.

    Each portion is one transaction that moves the mark as well, so an adoption that is cut goes on where it was.
    """
    newest_era = real_microseconds() + ERA_AHEAD_AT_MOST
    async with session.exclusive() as connection:
        ranges = await _unrecorded_ranges(connection, inspector, plan.own_topics)
    for range_ in ranges:
        async with session.exclusive() as connection:
            tracker = await _load_sequence_tracker(connection, range_.place)
        adopted, start = 0, range_.start
        while start < range_.end:
            records, start = await inspector.read_portion(range_.place, start, range_.end)
            published = published_records(records, source_of(plan.service).encode(), newest_era)
            for one in published:
                tracker.read(one)
            async with session.exclusive() as connection:
                missing = await _missing(connection, range_.place, published)
            if missing:
                adopted += len(missing)
                await _adopt(session, plan, range_.place, published, whole=tracker.whole)
        async with session.exclusive() as connection:
            await connection.execute(QUERIES["note_seen"], *range_.place, range_.end)
        if adopted:
            LOG.warning("takeover", topic=range_.place.topic, lane=range_.place.partition, adopted=adopted)


async def _adopt(
    session: EngineSession, plan: Plan, place: TopicPartition, published: Sequence[PublishedRecord], *, whole: bool
) -> None:
    async def body(tx: Transaction) -> None:
        # Asked once more, now that no other process can adopt them.
        pages = [one.page() for one in await _missing(tx.connection, place, published)]
        if not pages:
            return
        await _insert(tx, place, pages, published[-1])
        if plan.adopt is not None:
            await plan.adopt(tx, Tail(place.topic, place.partition, pages, whole))

    # All lanes: a record deferred in one lane may have to go to another, and no lane may decide meanwhile.
    await session.transact(range(LANES), body, now=plan.clock.now())


async def _insert(tx: Transaction, place: TopicPartition, pages: Sequence[Page], last: PublishedRecord) -> None:
    await insert_pages(tx.connection, pages)
    mark = (last.record.offset, last.record.header("ce_id"))
    await tx.connection.execute(QUERIES["move_mark"], place.topic, place.partition, *mark)
    await tx.connection.execute(QUERIES["raise_era_to"], place.partition, max(page.era for page in pages))
    await tx.connection.execute(QUERIES["begin_catching_up"], tx.now)


async def _missing(
    connection: Connection, place: TopicPartition, published: Sequence[PublishedRecord]
) -> list[PublishedRecord]:
    """Return the records that are on no page and never were, each once, in the order of their numbers."""
    if not published:
        return []
    numbers = [one.sequence for one in published]
    ranges = await connection.fetch(
        QUERIES["load_page_ranges"], place.topic, place.partition, min(numbers), max(numbers)
    )
    found: dict[tuple[int, int], PublishedRecord] = {}
    for one in published:
        if not any(
            row["era"] in (None, one.era) and row["first_sequence"] <= one.sequence <= row["last_sequence"]
            for row in ranges
        ):
            found.setdefault((one.era, one.sequence), one)
    return [one for _, one in sorted(found.items())]


async def _unrecorded_ranges(
    connection: Connection, inspector: TopicInspector, own_topics: Sequence[str]
) -> list[OffsetRange]:
    """Return the offsets after the last record noted as published, and those before it that others may have written.

    The topics come in the order in which they are listed. Where that record is gone the topic was emptied or recreated,
    so the publisher is asked to publish all pages that are kept.
    """
    rows = await connection.fetch(QUERIES["load_publications"], list(range(LANES)))
    places = {TopicPartition(row["topic"], row["lane"]): row for row in rows if row["topic"] in own_topics}
    ends, beginnings = await inspector.ends(places), await inspector.beginnings(places)
    gone = await _lost_marks(inspector, places.values())
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


async def _lost_marks(inspector: TopicInspector, publications: Iterable[Any]) -> set[TopicPartition]:
    """Return the topics and lanes in which the last acknowledged record is no longer at its offset."""
    marks = {TopicPartition(row["topic"], row["lane"]): row for row in publications if row["mark_offset"] is not None}
    found = await inspector.records_at({place: row["mark_offset"] for place, row in marks.items()})
    return {
        place for place, row in marks.items() if place not in found or found[place].header("ce_id") != row["mark_id"]
    }


async def _load_sequence_tracker(connection: Connection, place: TopicPartition) -> SequenceTracker:
    """Return a tracker that begins where our own pages of a topic and lane end."""
    (row,) = await connection.fetch(QUERIES["end_of_pages"], place.topic, place.partition)
    return SequenceTracker(row["era"], row["last_sequence"])
