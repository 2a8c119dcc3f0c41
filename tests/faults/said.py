"""I6, where only both sides together can show it: what stands in Kafka is what the pages say, byte for byte."""

import re
from collections import defaultdict

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from deploy.local.installation import Installation
from shared.contracts.topics import LANES, TOPICS
from shared.messaging.publisher import page_of

OURS = [topic.name for topic in TOPICS if topic.internal]
ERA = re.compile(rb"(\d+)\.(\d+)")

Place = tuple[str, int]
Number = tuple[int, int]
Content = tuple[bytes | None, bytes | None, frozenset[tuple[str, bytes]]]


async def breaches_of_topics(installation: Installation) -> list[str]:
    """Reads all that Salur ever wrote as a reader outside would, and compares it with the pages of all services.

    The caller has seen to it that everything said is published.
    """
    found = await _topics(installation.kafka.bootstrap)
    said = await _pages(installation)
    return [
        breach for place in sorted(found.keys() | said.keys()) for breach in _compare(place, found[place], said[place])
    ]


def _compare(place: Place, records: "list[ConsumerRecord[bytes, bytes]]", pages: dict[Number, Content]) -> list[str]:
    breaches, content = [], dict[Number, Content]()
    era = last = 0
    for record in records:
        headers = dict(record.headers)
        numbers = ERA.fullmatch(headers["ce_era"])
        assert numbers is not None
        of_era, first, sequence = int(numbers[1]), int(numbers[2]), int(headers["ce_sequence"])
        this = (record.key, record.value, frozenset(record.headers))
        if content.setdefault((of_era, sequence), this) != this:
            breaches.append(f"{place}: {of_era}/{sequence} was said twice, and differently")
        if of_era > era and first <= last + 1:
            era, last = of_era, first - 1
        if of_era == era and sequence == last + 1:
            last = sequence
    # At a gap a reader reads on without effect: a topic that was emptied is whole once it has been said again.
    if pages and (era, last) != max(pages):
        breaches.append(f"{place}: a reader comes to {era}/{last} and no further, of {max(pages)}")
    breaches += [f"{place}: {number} stands on a page and not in Kafka" for number in pages.keys() - content.keys()]
    breaches += [f"{place}: {number} stands in Kafka and on no page" for number in content.keys() - pages.keys()]
    both = pages.keys() & content.keys()
    breaches += [f"{place}: {number} is not what its page says" for number in both if pages[number] != content[number]]
    return breaches


async def _topics(bootstrap: str) -> "dict[Place, list[ConsumerRecord[bytes, bytes]]]":
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False)
    await consumer.start()
    found: dict[Place, list[ConsumerRecord[bytes, bytes]]] = defaultdict(list)
    try:
        places = [TopicPartition(topic, lane) for topic in OURS for lane in range(LANES)]
        ends = await consumer.end_offsets(places)
        consumer.assign([place for place in places if ends[place]])
        await consumer.seek_to_beginning()
        for place in consumer.assignment():
            while await consumer.position(place) < ends[place]:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    found[(records[0].topic, records[0].partition)] += records
    finally:
        await consumer.stop()
    return found


async def _pages(installation: Installation) -> dict[Place, dict[Number, Content]]:
    said: dict[Place, dict[Number, Content]] = defaultdict(dict)
    for service in installation.services:
        connection = await asyncpg.connect(installation.service_postgres_url(service))
        for row in await connection.fetch("select * from page"):
            page = page_of(row)
            for sequence, key, value, headers in page.records(f"/salur/{service}"):
                said[(page.topic, page.lane)][(page.era, sequence)] = (key, value, frozenset(headers))
        await connection.close()
    return said
