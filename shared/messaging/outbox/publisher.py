"""The publisher of the lanes that this process holds: a page is sent once the one before is acknowledged.

It needs no lock: two publishers of a lane, for a moment, publish repeats, which readers drop.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

import structlog
from aiokafka import AIOKafkaProducer
from asyncpg import Connection, Record

from shared.errors import InvariantBroken
from shared.messaging.failpoint import hit
from shared.messaging.outbox import store
from shared.messaging.outbox.page import Page
from shared.messaging.outbox.store import Sent

LOG = structlog.get_logger()
PAGES_AT_ONCE = 16
KEPT_PAGES = 8
POLL_SECONDS = 0.25
SEND_SECONDS = 30.0

Connect = Callable[[], Awaitable[Connection]]
MakeProducer = Callable[[], AIOKafkaProducer]


class Publisher:
    """The publisher of a process, for its whole life. `lanes` returns those assigned to it now."""

    def __init__(
        self, source: str, connect: Connect, make_producer: MakeProducer, lanes: Callable[[], frozenset[int]]
    ) -> None:
        self.alive = False
        self._lanes = lanes
        self._source = source
        self._connect = connect
        self._make_producer = make_producer
        self._connection: Connection | None = None
        self._producer: AIOKafkaProducer | None = None
        self._fresh: dict[tuple[str, int], list[Page]] = {}
        self._work_available = asyncio.Event()

    def offer(self, pages: Iterable[Page]) -> None:
        """Keep committed pages, which then need not be read back; beyond KEPT_PAGES they are read from the table."""
        lanes = self._lanes()
        for page in pages:
            if page.lane in lanes:
                fresh = self._fresh.setdefault((page.topic, page.lane), [])
                fresh.append(page)
                if len(fresh) > KEPT_PAGES:
                    fresh.clear()
        self._work_available.set()

    async def run(self) -> None:
        """Publish until cancelled. After an error go on from what is noted, with new connections."""
        while True:
            try:
                busy = await self.publish_once()
                self.alive = True
                if not busy:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(POLL_SECONDS):
                            await self._work_available.wait()
                self._work_available.clear()
            except Exception as error:  # noqa: BLE001 - with new connections it goes on from what is noted
                self.alive = False
                LOG.warning("outage", part="publisher", error=repr(error))
                await self.close()
                await asyncio.sleep(1.0)

    async def close(self) -> None:
        connection, producer = self._connection, self._producer
        self._connection = self._producer = None
        self._fresh.clear()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(5):
                if producer is not None:
                    await producer.stop()
        if connection is not None:
            connection.terminate()

    async def publish_once(self) -> bool:
        """Publish once what the lanes hold; return True if something was sent."""
        connection, producer = await self._sessions()
        rows = await store.load_unpublished(connection, self._lanes())
        if not rows:
            return False
        again = [row for row in rows if row["say_again_from"] is not None]
        for row in again:
            await self._republish(connection, producer, row)
        if again:
            return True
        batches = [(row, await self._pages(connection, row)) for row in rows]
        sent = await asyncio.gather(*(self._send(producer, pages, row["published"] + 1) for row, pages in batches))
        hit("after_publish")
        await self._check_log_truncated(connection, rows, sent)
        acknowledged = [(row["mark_offset"], now) for row, now in zip(rows, sent, strict=True) if now]
        await store.note_published(connection, acknowledged)
        hit("after_note")
        return True

    async def _sessions(self) -> tuple[Connection, AIOKafkaProducer]:
        if self._connection is None or self._connection.is_closed():
            self._fresh.clear()
            self._connection = await self._connect()
        if self._producer is None:
            self._producer = self._make_producer()
            await self._producer.start()
        return self._connection, self._producer

    async def _pages(self, connection: Connection, row: Record) -> Sequence[Page]:
        """Return the pages after the last number noted: those just committed if they follow on it, else the table's."""
        fresh = self._fresh.pop((row["topic"], row["lane"]), [])
        if fresh and fresh[0].first_sequence <= row["published"] + 1 <= fresh[0].last_sequence:
            return fresh
        return await store.load_pages(connection, row["topic"], row["lane"], row["published"], PAGES_AT_ONCE)

    async def _republish(self, connection: Connection, producer: AIOKafkaProducer, row: Record) -> None:
        topic, lane, asked = row["topic"], row["lane"], row["say_again_from"]
        span, after, mark = (asked, row["published"]), (-1, 0), row["mark_offset"]
        while pages := await store.load_pages_again(connection, topic, lane, span, after, PAGES_AT_ONCE):
            sent = await self._send(producer, pages, asked)
            if sent is not None:
                await store.note_published(connection, [(mark, replace(sent, sequence=0))])
                mark = sent.offset
            after = (pages[-1].era, pages[-1].first_sequence)
        await store.end_republish(connection, topic, lane, asked)
        LOG.info("end_republish", topic=topic, lane=lane, from_sequence=asked)

    async def _send(self, producer: AIOKafkaProducer, pages: Sequence[Page], from_sequence: int) -> Sent | None:
        """Send the events of pages of one topic and lane, in order, in as few record batches as possible."""
        sent = None
        builder, last = producer.create_batch(), (0, "")
        for page in pages:
            for sequence, key, value, headers in page.records(self._source, from_sequence):
                while builder.append(timestamp=None, key=key, value=value, headers=headers) is None:
                    if builder.record_count() == 0:
                        raise InvariantBroken(
                            page.identity(sequence), "the event is larger than a record batch; bound its fields"
                        )
                    sent = await self._deliver(producer, builder, page, last, sent)
                    builder = producer.create_batch()
                last = (sequence, page.identity(sequence))
        if builder.record_count():
            sent = await self._deliver(producer, builder, pages[-1], last, sent)
        return sent

    async def _deliver(
        self, producer: AIOKafkaProducer, builder: object, page: Page, last: tuple[int, str], before: Sent | None
    ) -> Sent:
        count = builder.record_count()  # type: ignore[attr-defined]
        async with asyncio.timeout(SEND_SECONDS):
            sending = await producer.send_batch(builder, page.topic, partition=page.lane)
            hit("in_publish")
            metadata = await sending
        began = before.began if before else metadata.offset
        contiguous = before is None or (before.contiguous and before.offset + 1 == metadata.offset)
        return Sent(page.topic, page.lane, began, contiguous, last[0], metadata.offset + count - 1, last[1])

    async def _check_log_truncated(
        self, connection: Connection, rows: Sequence[Record], sent: Sequence[Sent | None]
    ) -> None:
        """Request all pages again for a topic whose new records lie before the last one noted: it was emptied."""
        for row, now in zip(rows, sent, strict=True):
            if now is not None and row["mark_offset"] is not None and now.began <= row["mark_offset"]:
                await store.request_republish(connection, row["topic"], row["lane"], 1)
