"""Cost floor: the records of earlier journeys through Kafka and their rows into PostgreSQL again, without any logic.

The difference from the journey's rate is the cost of deciding. One process per service reads what the service read,
copies its rows into tables like its own, one transaction per fetch, and sends what it published. A fourth sends the
records of upstream systems and partners. Each process gets `who journeys-of-all`, prepares, reports that it is ready,
and begins when its standard input ends.
"""

import asyncio
import io
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from deploy.local.paths import ROOT
from deploy.local.topic_creation import create_topics
from deploy.simulation.delivery import OutgoingRecord, RecordBatches, pack, send_batches
from shared.contracts.topics import (
    COMPLETION_EVENTS,
    ENROLLMENT_EVENTS,
    ENROLLMENT_REQUESTS,
    LANES,
    PARTNERS,
    PAYMENT_EVENTS,
    TRAINING_ATTENDANCE,
    TRAINING_EVIDENCE,
    TRAINING_PURCHASES,
    Topic,
    disbursement_reports,
    disbursements,
)
from tests.benchmarks.harness import BenchmarkHarness, print_line

T = TypeVar("T")
BATCH_RECORDS, CHUNKS = 3_000, 100
REPORTS = tuple(disbursement_reports(name) for name in PARTNERS)
INSTRUCTIONS = tuple(disbursements(name) for name in PARTNERS)
READS: dict[str, tuple[str, ...]] = {
    "enrollment": (ENROLLMENT_REQUESTS, TRAINING_PURCHASES, COMPLETION_EVENTS),
    "completion": (ENROLLMENT_EVENTS, TRAINING_ATTENDANCE, TRAINING_EVIDENCE),
    "payment": (ENROLLMENT_EVENTS, COMPLETION_EVENTS, *REPORTS),
    "others": (),
}
WRITES: dict[str, tuple[str, ...]] = {
    "enrollment": (ENROLLMENT_EVENTS,),
    "completion": (COMPLETION_EVENTS,),
    "payment": (PAYMENT_EVENTS, *INSTRUCTIONS),
    "others": (ENROLLMENT_REQUESTS, TRAINING_PURCHASES, TRAINING_ATTENDANCE, TRAINING_EVIDENCE, *REPORTS),
}
TABLES = """
    select relname from pg_class where relkind = 'r' and relnamespace = $1::regnamespace and reltuples >= $2"""
FEW_ROWS = 100


async def measure_floor(harness: BenchmarkHarness, journeys: int, of_all: int) -> float:
    """Return journeys per second, from `journeys` of the `of_all` that were run; the services must not run."""
    print_line("  floor")
    await harness.connection.execute("analyze")
    written = {topic for topics in WRITES.values() for topic in topics}
    await create_topics(
        harness.installation.kafka.bootstrap, [Topic(f"floor.{t}", LANES, internal=True) for t in written]
    )
    workers = [await _start(harness, who, journeys / of_all) for who in READS]
    try:
        for worker in workers:
            assert worker.stdout is not None
            await worker.stdout.readline()
        started = time.monotonic()
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.close()
        codes = [await worker.wait() for worker in workers]
        seconds = time.monotonic() - started
    finally:
        for worker in workers:
            if worker.returncode is None:
                worker.kill()
    if any(codes):
        raise RuntimeError(f"the floor's processes ended with {codes}")
    return round(journeys / seconds, 1)


async def _start(harness: BenchmarkHarness, who: str, share: float) -> Process:
    bootstrap, url = harness.installation.kafka.bootstrap, harness.installation.postgres_url
    command = (sys.executable, "-m", "tests.benchmarks.floor", who, str(share), bootstrap, url)
    return await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=None, cwd=ROOT, env=os.environ
    )


@dataclass(slots=True)
class Worker:
    """One process with its share of a service's reads, writes and events."""

    who: str
    share: float
    bootstrap: str
    url: str

    async def run(self) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, acks="all", max_batch_size=1 << 20)
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, max_poll_records=BATCH_RECORDS)
        connection = await asyncpg.connect(self.url)
        await producer.start()
        await consumer.start()
        written = [pack(producer, records) for records in _chunks(await self._records(consumer, WRITES[self.who]))]
        rows = await self._rows(connection) if READS[self.who] else {}
        wanted = await self._seek(consumer, READS[self.who]) if READS[self.who] else 0
        print_line("ready")
        await asyncio.to_thread(sys.stdin.read)
        done = consumed = 0
        while consumed < wanted:
            fetched = await consumer.getmany(timeout_ms=20)
            consumed += sum(map(len, fetched.values()))
            upto = min(CHUNKS, consumed * CHUNKS // wanted)
            await self._write(connection, rows, done, upto)
            await _send(producer, written[done:upto])
            done = upto
        await _send(producer, written[done:])
        await consumer.stop()
        await producer.stop()
        await connection.close()

    async def _seek(self, consumer: AIOKafkaConsumer, topics: Sequence[str]) -> int:
        """Seek to the beginnings, and return the number of records to read."""
        places = [TopicPartition(topic, lane) for topic in topics for lane in range(LANES)]
        consumer.assign(places)
        await consumer.seek_to_beginning()
        return int(sum((await consumer.end_offsets(places)).values()) * self.share)

    async def _records(self, consumer: AIOKafkaConsumer, topics: Sequence[str]) -> list[OutgoingRecord]:
        wanted, found = await self._seek(consumer, topics), list[OutgoingRecord]()
        while len(found) < wanted:
            fetched = await consumer.getmany(timeout_ms=1000)
            found += [_floor_record(record) for records in fetched.values() for record in records]
        return found[:wanted]

    async def _rows(self, connection: asyncpg.Connection) -> dict[str, list[bytes]]:
        """Return chunks of rows by table, as COPY writes them, and create an empty table to copy each into."""
        await connection.execute(f"create schema floor_{self.who}")
        found = {}
        for (table,) in await connection.fetch(TABLES, self.who, FEW_ROWS):
            await connection.execute(f"create table floor_{self.who}.{table} (like {self.who}.{table} including all)")
            text = io.BytesIO()
            await connection.copy_from_query(f"table {self.who}.{table}", output=text)
            lines = text.getvalue().splitlines(keepends=True)
            found[table] = [b"".join(chunk) for chunk in _chunks(lines[: int(len(lines) * self.share)])]
        return found

    async def _write(self, connection: asyncpg.Connection, rows: dict[str, list[bytes]], done: int, upto: int) -> None:
        if done == upto:
            return
        async with connection.transaction():
            for table, chunks in rows.items():
                text = io.BytesIO(b"".join(chunks[done:upto]))
                await connection.copy_to_table(table, schema_name=f"floor_{self.who}", source=text)


def _floor_record(record: "ConsumerRecord[bytes, bytes]") -> OutgoingRecord:
    return OutgoingRecord(f"floor.{record.topic}", record.key, record.value, tuple(record.headers), record.partition)


async def _send(producer: AIOKafkaProducer, portions: Sequence[RecordBatches]) -> None:
    for packed in portions:
        await send_batches(producer, packed)


def _chunks(everything: Sequence[T]) -> list[Sequence[T]]:
    size = len(everything) / CHUNKS
    return [everything[int(number * size) : int((number + 1) * size)] for number in range(CHUNKS)]


if __name__ == "__main__":
    uvloop.run(Worker(sys.argv[1], float(sys.argv[2]), *sys.argv[3:5]).run())
