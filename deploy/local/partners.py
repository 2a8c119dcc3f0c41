"""All simulated payment partners in one process: `python -m deploy.local.partners`.

Told by the environment: SALUR_KAFKA_BOOTSTRAP, SALUR_KEYS_FOLDER, SALUR_CLOCK_OFFSET_FILE; the ledgers stand in
SALUR_LEDGERS_FOLDER (beside the keys if unset); SALUR_PARTNERS_SEED, _REPEATS, _LATE_SECONDS and _ACCEPT tell how they
answer; SALUR_READY_FILE is made when they listen.
"""

import asyncio
import heapq
import itertools
import os
import signal
import time
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from pydantic_core import from_json

from deploy.simulation.partner import Manners, Partner, Report, report_data
from deploy.simulation.seals import Seals
from deploy.simulation.sending import Letter, send
from shared.clock import Clock
from shared.contracts.topics import LANES, PARTNERS, disbursement_reports, disbursements
from shared.times import write_time

REPORTED = b"salur.partner.disbursement_reported.v1"
INSTRUCTED = b"salur.payment.disbursement_instructed.v1"
Where = tuple[str, int]
# Asked for what little there is at every moment, the broker would be busy with nothing else.
FETCH_BYTES, FETCH_WAIT_MILLISECONDS = 1 << 18, 200


class Partners:
    """Reads what each partner is told, and answers on the same partition."""

    def __init__(self, partners: Mapping[str, Partner], clock: Clock) -> None:
        self._partners = partners
        self._clock = clock
        self._later: list[tuple[float, int, Where, Report]] = []
        self._order = itertools.count()
        self._process, self._sent = uuid.uuid4().hex, itertools.count(1)
        self._now = ""

    async def run(self, bootstrap: str, ready: Path | None, stopped: asyncio.Event) -> None:
        """Answers until it is stopped, whatever happens to the broker meanwhile."""
        while not stopped.is_set():
            try:
                await self._serve(bootstrap, ready, stopped)
            except KafkaError as failure:
                print(f"begins anew: {failure!r}", flush=True)
                await asyncio.sleep(1)

    async def _serve(self, bootstrap: str, ready: Path | None, stopped: asyncio.Event) -> None:
        """What was answered before is read again and answered again: references decide."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_min_bytes=FETCH_BYTES,
            fetch_max_wait_ms=FETCH_WAIT_MILLISECONDS,
        )
        # A report sent once more because the broker went away under it would be two records, each parked if wrong.
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_batch_size=1 << 20
        )
        try:
            await consumer.start()
            await producer.start()
            places = [TopicPartition(disbursements(name), lane) for name in self._partners for lane in range(LANES)]
            consumer.assign(places)
            for place in places:
                consumer.seek(place, 0)
            if ready is not None:
                await asyncio.to_thread(ready.touch)
            while not stopped.is_set():
                fetched = await consumer.getmany(timeout_ms=50)
                await send(producer, self._receive(record for records in fetched.values() for record in records))
        finally:
            await consumer.stop()
            await producer.stop()

    def _receive(self, records: "Iterable[ConsumerRecord[bytes, bytes]]") -> list[Letter]:
        """What is to be said now: about these records, and about earlier ones whose time has come."""
        self._now = write_time(self._clock.now())
        now = time.monotonic()
        due: list[Letter] = []
        for record in records:
            name = record.topic.partition(".")[2]
            for report in self._answer(self._partners[name], record):
                where = (name, record.partition)
                if report.after_seconds > 0:
                    heapq.heappush(self._later, (now + report.after_seconds, next(self._order), where, report))
                else:
                    due.append(self._letter(where, report))
        while self._later and self._later[0][0] <= now:
            _, _, where, report = heapq.heappop(self._later)
            due.append(self._letter(where, report))
        for partner in self._partners.values():
            partner.flush()
        return due

    def _answer(self, partner: Partner, record: "ConsumerRecord[bytes, bytes]") -> list[Report]:
        """To an instruction, and to a question about one that is known."""
        data = from_json(record.value or b"{}")
        if ("ce_type", INSTRUCTED) in record.headers:
            return partner.receive(data)
        known = partner.ledger.get(data["reference"])
        if known is None:
            return []
        return [Report(0, known.reference, "rejected" if known.reason else "settled", known.amount, known.reason)]

    def _letter(self, where: Where, report: Report) -> Letter:
        name, partition = where
        headers = (
            ("ce_specversion", b"1.0"),
            ("ce_id", f"{self._process}-{next(self._sent)}".encode()),
            ("ce_source", f"/partners/{name}".encode()),
            ("ce_type", REPORTED),
            ("ce_time", self._now.encode()),
            ("content-type", b"application/json"),
        )
        value = report_data(report, name, self._now)
        return Letter(disbursement_reports(name), report.reference.encode(), value, headers, partition)


async def main(environment: Mapping[str, str]) -> None:
    keys = Path(environment["SALUR_KEYS_FOLDER"])
    ledgers = Path(environment.get("SALUR_LEDGERS_FOLDER", str(keys.parent / "ledgers")))
    manners = Manners.from_environment(environment)
    partners = {
        name: Partner(name, Seals.load(keys / f"{name}.jwks.json"), ledgers / f"{name}.jsonl", manners)
        for name in PARTNERS
    }
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stopped.set)
    ready = environment.get("SALUR_READY_FILE")
    clock = Clock.from_environment()
    await Partners(partners, clock).run(environment["SALUR_KAFKA_BOOTSTRAP"], Path(ready) if ready else None, stopped)


if __name__ == "__main__":
    uvloop.run(main(os.environ))
