"""Audit of the topics: what Kafka holds must equal the outbox's pages, byte for byte (I6)."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from deploy.local.installation import Installation
from shared.contracts.topics import LANES, TOPICS
from shared.messaging.outbox.store import page_of

INTERNAL_TOPICS = [topic.name for topic in TOPICS if topic.internal]
ERA = re.compile(rb"(\d+)\.(\d+)")

TopicLane = tuple[str, int]
EraSequence = tuple[int, int]
Content = tuple[bytes | None, bytes | None, frozenset[tuple[str, bytes]]]
EventsBySequence = dict[EraSequence, Content]


async def breaches_of_topics(installation: Installation) -> list[str]:
    """Read all internal topics as an outside reader does, and compare them with the pages of all services.

    Every page must have been published before.
    """
    expected: dict[TopicLane, EventsBySequence] = {}
    for service in installation.services:
        connection = await asyncpg.connect(installation.role_postgres_url(service))
        expected |= await events_of(connection, service)
        await connection.close()
    return await breaches_between(installation.kafka.bootstrap, INTERNAL_TOPICS, expected)


async def breaches_between(
    bootstrap: str, topics: Sequence[str], expected: Mapping[TopicLane, EventsBySequence], *, gap_free: bool = False
) -> list[str]:
    """Compare the records of these topics with the expected events.

    `gap_free`: nothing was lost on purpose, so a number that does not follow its predecessor is a breach too.
    """
    found = await _records(bootstrap, topics)
    breaches = []
    for place in sorted(found.keys() | expected.keys()):
        gaps, of_place = _compare(place, found.get(place, []), expected.get(place, {}))
        breaches += [*of_place, *(gaps if gap_free else ())]
    return breaches


async def events_of(connection: asyncpg.Connection, service: str) -> dict[TopicLane, EventsBySequence]:
    """Return every event that a service has ever emitted, as it must stand in Kafka."""
    expected: dict[TopicLane, EventsBySequence] = defaultdict(dict)
    for row in await connection.fetch("select * from page"):
        page = page_of(row)
        for sequence, key, value, headers in page.records(f"/salur/{service}"):
            expected[(page.topic, page.lane)][(page.era, sequence)] = (key, value, frozenset(headers))
    return expected


def _compare(
    place: TopicLane, records: "list[ConsumerRecord[bytes, bytes]]", pages: EventsBySequence
) -> tuple[list[str], list[str]]:
    """Return the gaps that a reader meets, and all other breaches."""
    gaps, breaches, content = [], [], dict[EraSequence, Content]()
    era = last = 0
    for record in records:
        headers = dict(record.headers)
        numbers = ERA.fullmatch(headers["ce_era"])
        assert numbers is not None
        of_era, first, sequence = int(numbers[1]), int(numbers[2]), int(headers["ce_sequence"])
        this = (record.key, record.value, frozenset(record.headers))
        if content.setdefault((of_era, sequence), this) != this:
            breaches.append(f"{place}: {of_era}/{sequence} was published twice, with different content")
        if of_era > era and first <= last + 1:
            era, last = of_era, first - 1
        if of_era == era and sequence == last + 1:
            last = sequence
        elif of_era > era or (of_era == era and sequence > last):
            gaps.append(f"{place}: offset {record.offset} leaves a gap: {of_era}.{first}/{sequence} after {era}/{last}")
    # At a gap a reader reads on without effect, so an emptied topic is complete once it was published again.
    if pages and (era, last) != max(pages):
        breaches.append(f"{place}: a reader stops at {era}/{last} of {max(pages)}")
    breaches += [f"{place}: {number} is on a page but not in Kafka" for number in pages.keys() - content.keys()]
    breaches += [f"{place}: {number} is in Kafka but on no page" for number in content.keys() - pages.keys()]
    both = pages.keys() & content.keys()
    breaches += [f"{place}: {number} differs from its page" for number in both if pages[number] != content[number]]
    return gaps, breaches


async def _records(bootstrap: str, topics: Sequence[str]) -> "dict[TopicLane, list[ConsumerRecord[bytes, bytes]]]":
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    found: dict[TopicLane, list[ConsumerRecord[bytes, bytes]]] = defaultdict(list)
    try:
        places = [TopicPartition(topic, lane) for topic in topics for lane in range(LANES)]
        begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        left = {place for place in places if begins[place] < ends[place]}
        consumer.assign(list(left))
        for place in left:
            consumer.seek(place, begins[place])
        while left:
            for place, records in (await consumer.getmany(*left, timeout_ms=500)).items():
                found[(place.topic, place.partition)] += records
            left = {place for place in left if await consumer.position(place) < ends[place]}
    finally:
        await consumer.stop()
    return found
