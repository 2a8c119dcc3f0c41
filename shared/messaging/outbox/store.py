"""The outbox's tables: pages, the counter of each topic and lane, and how far each is published."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Connection, Record

from shared.contracts.topics import LANES
from shared.errors import InvariantBroken
from shared.messaging.outbox.page import OutboxEvent, Page, decode, encode
from shared.messaging.queries import QUERIES
from shared.postgres.chunks import chunks
from shared.postgres.columns import columns


@dataclass(frozen=True, slots=True)
class Sent:
    """The records of one topic and lane that Kafka has acknowledged in one go.

    `began` is the offset of the first; `sequence`, `offset` and `id` are those of the last. `contiguous`: no record of
    another producer stands between their record batches.
    """

    topic: str
    lane: int
    began: int
    contiguous: bool
    sequence: int
    offset: int
    id: str


async def insert_counters(connection: Connection, topics: Iterable[str]) -> None:
    """Insert what is missing of the counters and publication marks of these topics, in every lane."""
    names = sorted(topics)
    await connection.execute(QUERIES["insert_sequences"], names, LANES)
    await connection.execute(QUERIES["insert_publications"], names, LANES)


async def load_counters(connection: Connection, lanes: Collection[int]) -> dict[tuple[str, int], int]:
    """Return the next number of each topic and lane; the lanes are locked."""
    rows = await connection.fetch(QUERIES["load_counters"], sorted(lanes)) if lanes else []
    return {(row["topic"], row["lane"]): row["next_sequence"] for row in rows}


async def number_pages(
    connection: Connection,
    emitted: Mapping[tuple[str, int], Sequence[OutboxEvent]],
    eras: Mapping[int, int],
    now: datetime,
) -> list[Page]:
    """Return a page for each topic and lane, with the next numbers of that counter; the lanes are locked.

    Raise InvariantBroken for a topic that has no counter.
    """
    groups = sorted(emitted)
    topics, lanes = [topic for topic, _ in groups], [lane for _, lane in groups]
    counts = [len(emitted[group]) for group in groups]
    rows = await connection.fetch(QUERIES["draw_sequences"], topics, lanes, counts)
    if len(rows) != len(groups):
        unknown = sorted({*topics} - {row["topic"] for row in rows})
        raise InvariantBroken(", ".join(unknown), "this service has no counter for it; name it among its own topics")
    return [
        Page(
            topic=row["topic"],
            lane=row["lane"],
            era=eras[row["lane"]],
            era_first=row["era_first"],
            first_sequence=row["first_sequence"],
            emitted_at=now,
            events=emitted[(row["topic"], row["lane"])],
        )
        for row in rows
    ]


async def insert_pages(connection: Connection, pages: Sequence[Page]) -> None:
    """Insert pages; one that is there already stays as it is."""
    for some in chunks([(page, encode(page.events)) for page in pages], lambda block: len(block[1])):
        await connection.execute(
            QUERIES["insert_pages"],
            *columns(
                [page for page, _ in some],
                "topic",
                "lane",
                "era",
                "era_first",
                "first_sequence",
                "last_sequence",
                "emitted_at",
                "adopted",
            ),
            [events for _, events in some],
        )


async def load_unpublished(connection: Connection, lanes: Collection[int]) -> list[Record]:
    """Return a row for each topic of these lanes that has numbers to publish, or is to be published again."""
    rows: list[Record] = await connection.fetch(QUERIES["load_unpublished"], sorted(lanes))
    return rows


async def load_pages(connection: Connection, topic: str, lane: int, after: int, limit: int) -> list[Page]:
    """Return the next pages of a topic and lane that hold numbers after this one, without adopted ones."""
    return _pages(await connection.fetch(QUERIES["load_pages"], topic, lane, after, limit))


async def load_pages_again(
    connection: Connection, topic: str, lane: int, span: tuple[int, int], after: tuple[int, int], limit: int
) -> list[Page]:
    """Return pages with numbers in `span`, both ends included, in the order of eras; adopted ones are among them.

    `after` is the era and first number of the last page that the caller has; (-1, 0) for the first portion.
    """
    return _pages(await connection.fetch(QUERIES["load_pages_again"], topic, lane, *span, *after, limit))


async def note_published(connection: Connection, sent: Sequence[tuple[int | None, Sent]]) -> None:
    """Note what Kafka has acknowledged, each with the offset of the record that was noted as the last before."""
    await connection.execute(
        QUERIES["note_published"],
        *columns([one for _, one in sent], "topic", "lane", "sequence", "offset", "id"),
        [_unseen_from(mark, one) for mark, one in sent],
    )


async def request_republish(connection: Connection, topic: str, lane: int, from_sequence: int) -> None:
    """Ask the lane's publisher to publish again all that is kept from this number on."""
    await connection.execute(QUERIES["request_republish"], topic, lane, from_sequence)


async def end_republish(connection: Connection, topic: str, lane: int, from_sequence: int) -> None:
    """Take the request back, unless an earlier number has been asked for since."""
    await connection.execute(QUERIES["end_republish"], topic, lane, from_sequence)


def page_of(row: Record) -> Page:
    """Return the page of a row of `page`."""
    return Page(
        topic=row["topic"],
        lane=row["lane"],
        era=row["era"],
        era_first=row["era_first"],
        first_sequence=row["first_sequence"],
        emitted_at=row["said_at"],
        events=decode(row["events"]),
        adopted=row["adopted"],
    )


def _pages(rows: Iterable[Record]) -> list[Page]:
    return [page_of(row) for row in rows]


def _unseen_from(mark: int | None, sent: Sent) -> int | None:
    """Return the first offset at which another producer's record may lie before or among these; None if none may.

    None may if ours are contiguous, and follow on the record noted last or begin the topic anew.
    """
    follows = mark + 1 if mark is not None and mark < sent.began else 0
    return None if sent.began == follows and sent.contiguous else follows
