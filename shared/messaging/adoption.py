"""What was said binds: what our own topics hold beyond our pages was said by a self that a restore has forgotten."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiokafka import TopicPartition
from asyncpg import Connection

from shared.messaging.lane import QUERIES
from shared.messaging.message import Record
from shared.messaging.page import Page, Said
from shared.messaging.saving import insert_pages
from shared.messaging.subscription import Adopt
from shared.messaging.topics import Topics
from shared.messaging.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Tail:
    """Events of one of our topics and lanes that are no pages of ours. `whole`: none between them is missing."""

    topic: str
    lane: int
    pages: Sequence[Page]
    whole: bool


@dataclass(frozen=True, slots=True)
class _Numbered:
    record: Record
    era: int
    era_first: int
    sequence: int


async def find_tails(connection: Connection, topics: Topics, lanes: Collection[int]) -> list[Tail]:
    """Reads our own topics from the last record noted as published to their ends.

    Where that record is gone the topic was emptied or recreated: everything kept is asked to be said again.
    """
    rows = await connection.fetch(QUERIES["load_publications"], sorted(lanes))
    places = {TopicPartition(row["topic"], row["lane"]): row for row in rows}
    ends, beginnings = await topics.ends(places), await topics.beginnings(places)
    gone = await lost_marks(topics, rows)
    tails = []
    for place, row in places.items():
        start = beginnings[place]
        if place in gone:
            await connection.execute(QUERIES["ask_to_say_again"], place.topic, place.partition, 1)
        elif row["mark_offset"] is not None:
            start = max(start, row["mark_offset"] + 1)
        if start < ends[place]:
            records = await topics.read(place, start, ends[place])
            if tail := await _tail(connection, place, records):
                tails.append(tail)
    return tails


async def lost_marks(topics: Topics, publications: Iterable[object]) -> set[TopicPartition]:
    """The topics and lanes whose last acknowledged record no longer stands where it stood."""
    marks = {TopicPartition(row["topic"], row["lane"]): row for row in publications if row["mark_offset"] is not None}  # type: ignore[index]
    found = await topics.records_at({place: row["mark_offset"] for place, row in marks.items()})  # type: ignore[index]
    return {
        place
        for place, row in marks.items()
        if place not in found or found[place].header("ce_id") != row["mark_id"]  # type: ignore[index]
    }


async def _tail(connection: Connection, place: TopicPartition, records: Sequence[Record]) -> Tail | None:
    numbered = [n for n in map(_numbered, records) if n is not None]
    if not numbered:
        return None
    lowest = min(n.sequence for n in numbered)
    ranges = await connection.fetch(QUERIES["load_page_ranges"], place.topic, place.partition, lowest)
    forgotten: dict[tuple[int, int], _Numbered] = {}
    for n in numbered:
        if not any(r["era"] == n.era and r["first_sequence"] <= n.sequence <= r["last_sequence"] for r in ranges):
            forgotten.setdefault((n.era, n.sequence), n)
    if not forgotten:
        return None
    pages = [_page(place, n) for _, n in sorted(forgotten.items())]
    next_sequence = await connection.fetchval(QUERIES["next_sequence"], place.topic, place.partition)
    sequences = sorted({n.sequence for n in forgotten.values()})
    whole = sequences == list(range(sequences[0], sequences[-1] + 1)) and sequences[0] <= next_sequence
    return Tail(place.topic, place.partition, pages, whole)


def _numbered(record: Record) -> _Numbered | None:
    """None for a record that somebody else has put into our topic."""
    try:
        era, first = record.header("ce_era").split(".")
        return _Numbered(record, int(era), int(first), int(record.header("ce_sequence")))
    except ValueError:
        return None


def _page(place: TopicPartition, n: _Numbered) -> Page:
    extra = {
        name: value.decode()
        for name, value in n.record.headers
        if value is not None and (name.startswith("salur_") or name == "traceparent")
    }
    said = Said(n.record.header("ce_type"), (n.record.key or b"").decode(), n.record.value or b"", extra)
    said_at = datetime.fromisoformat(n.record.header("ce_time"))
    return Page(place.topic, place.partition, n.era, n.era_first, n.sequence, said_at, [said], adopted=True)


async def adopt(tx: Transaction, tails: Sequence[Tail], handler: Adopt | None) -> None:
    """Takes the tails of one lane over as pages and hands them to the service, in the order in which they were said."""
    for tail in tails:
        await insert_pages(tx, tail.pages)
        era = max(page.era for page in tail.pages)
        await tx.connection.execute(QUERIES["raise_era_to"], tail.lane, era, tx.now)
        if handler is not None:
            await handler(tx, tail.lane, tail.topic, [said for page in tail.pages for said in page.events], tail.whole)
