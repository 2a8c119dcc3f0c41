"""All simulated payment partners in one process: `python -m deploy.local.partners`.

Environment: SALUR_KAFKA_BOOTSTRAP, SALUR_KEYS_FOLDER, SALUR_CLOCK_OFFSET_FILE; SALUR_LEDGERS_FOLDER for the ledgers
(beside the keys if unset); SALUR_PARTNERS_SEED, _REPEATS, _LATE_SECONDS and _ACCEPT for their behaviour;
SALUR_READY_FILE for a file to create when they listen.
"""

import asyncio
import heapq
import itertools
import os
import signal
import time
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from pydantic_core import from_json

from deploy.simulation.delivery import OutgoingRecord, send
from deploy.simulation.partner import PartnerBehaviour, ScheduledReport, SimulatedPartner, report_data
from deploy.simulation.seals import Seals
from shared.clock import Clock
from shared.contracts.topics import LANES, PARTNERS, disbursement_reports, disbursements
from shared.times import write_time

REPORTED = b"salur.partner.disbursement_reported.v1"
INSTRUCTED = b"salur.payment.disbursement_instructed.v1"
PartnerLane = tuple[str, int]
# Fetches wait until there is enough to read; small fetches at every moment would keep the broker busy.
FETCH_BYTES, FETCH_WAIT_MILLISECONDS = 1 << 18, 200


class PartnerSimulator:
    """Reader of every partner's instructions that reports on the same partition."""

    def __init__(self, partners: Mapping[str, SimulatedPartner], clock: Clock) -> None:
        self._partners = partners
        self._clock = clock
        self._scheduled: list[tuple[float, int, PartnerLane, ScheduledReport]] = []
        self._of_business_time: list[tuple[datetime, int, PartnerLane, ScheduledReport]] = []
        self._order = itertools.count()
        self._process, self._sent = uuid.uuid4().hex, itertools.count(1)
        self._now = ""

    async def run(self, bootstrap: str, ready: Path | None, stopped: asyncio.Event) -> None:
        """Report until stopped, reconnecting whenever the broker fails."""
        while not stopped.is_set():
            try:
                await self._serve(bootstrap, ready, stopped)
            except KafkaError as failure:
                print(f"reconnecting: {failure!r}", flush=True)
                await asyncio.sleep(1)

    async def _serve(self, bootstrap: str, ready: Path | None, stopped: asyncio.Event) -> None:
        """Read all instructions from the beginning and report on them.

        Instructions reported on before are reported on again; the ledger pays each reference once.
        """
        consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_min_bytes=FETCH_BYTES,
            fetch_max_wait_ms=FETCH_WAIT_MILLISECONDS,
        )
        # Idempotent, since a report sent twice when the broker restarts would be parked twice if it is wrong.
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
                await send(producer, self.take(record for records in fetched.values() for record in records))
        finally:
            await consumer.stop()
            await producer.stop()

    def take(self, records: "Iterable[ConsumerRecord[bytes, bytes]]") -> list[OutgoingRecord]:
        """Take records in; return the reports that are due now, on these and on earlier ones."""
        business_time = self._clock.now()
        self._now = write_time(business_time)
        now = time.monotonic()
        due: list[OutgoingRecord] = []
        for record in records:
            name = record.topic.partition(".")[2]
            for report in _reports_for(self._partners[name], record, business_time):
                where = (name, record.partition)
                if report.not_before is not None:
                    heapq.heappush(self._of_business_time, (report.not_before, next(self._order), where, report))
                elif report.after_seconds > 0:
                    heapq.heappush(self._scheduled, (now + report.after_seconds, next(self._order), where, report))
                else:
                    due.append(self._report_record(where, report))
        while self._scheduled and self._scheduled[0][0] <= now:
            _, _, where, report = heapq.heappop(self._scheduled)
            due.append(self._report_record(where, report))
        while self._of_business_time and self._of_business_time[0][0] <= business_time:
            _, _, where, report = heapq.heappop(self._of_business_time)
            due.append(self._report_record(where, report))
        for partner in self._partners.values():
            partner.flush()
        return due

    def _report_record(self, where: PartnerLane, report: ScheduledReport) -> OutgoingRecord:
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
        return OutgoingRecord(disbursement_reports(name), report.reference.encode(), value, headers, partition)


def _reports_for(
    partner: SimulatedPartner, record: "ConsumerRecord[bytes, bytes]", now: datetime
) -> list[ScheduledReport]:
    """Return the reports on an instruction, or the answer to a request for the status."""
    data = from_json(record.value or b"{}")
    if ("ce_type", INSTRUCTED) in record.headers:
        return partner.receive(data, now)
    return partner.report_status(data["reference"], now)


async def main(environment: Mapping[str, str]) -> None:
    keys = Path(environment["SALUR_KEYS_FOLDER"])
    ledgers = Path(environment.get("SALUR_LEDGERS_FOLDER", str(keys.parent / "ledgers")))
    behaviour = PartnerBehaviour.from_environment(environment)
    partners = {
        name: SimulatedPartner(name, Seals.load(keys / f"{name}.jwks.json"), ledgers / f"{name}.jsonl", behaviour)
        for name in PARTNERS
    }
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stopped.set)
    ready = environment.get("SALUR_READY_FILE")
    clock = Clock.from_environment()
    await PartnerSimulator(partners, clock).run(
        environment["SALUR_KAFKA_BOOTSTRAP"], Path(ready) if ready else None, stopped
    )


if __name__ == "__main__":
    uvloop.run(main(os.environ))
