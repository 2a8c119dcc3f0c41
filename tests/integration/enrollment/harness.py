"""The enrollment service on a real database, without Kafka: the harness runs the transactions as the engine does."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from asyncpg import Connection

from services.enrollment.app import definition
from services.enrollment.schemes import load_schemes
from services.enrollment.settings import EnrollmentSettings
from shared.contracts import completion
from shared.contracts.events import EventType
from shared.contracts.seals import KeyRing
from shared.contracts.topics import TOPICS, lane_of
from shared.messaging.engine import operations
from shared.messaging.engine.operator import Operator
from shared.messaging.engine.plan import Retention
from shared.messaging.engine.timers import END_CATCHING_UP, engine_timers
from shared.messaging.message import Record, unpack
from shared.messaging.outbox.page import OutboxEvent, Page
from shared.messaging.reading.watermark import NEVER
from shared.messaging.transaction.decoder import Decoder
from shared.messaging.transaction.dispatch import dispatch
from shared.messaging.transaction.lane import insert_rows
from shared.messaging.transaction.session import EngineSession
from shared.messaging.transaction.subscription import Tail, Timer
from shared.messaging.transaction.transaction import Transaction, TransactionTerms
from shared.times import write_time
from tests.builders import ADMITTED_AT, LATER, Event, as_emitted, chain_key, keys_folder
from tests.infrastructure import Database

NORMAL = load_schemes()["normal-2023"].at(ADMITTED_AT)
"""The version in force in the tests."""
WAIT_AT_MOST = timedelta(hours=24)
WAITING_PER_KEY = 20
EVERY_LANE = frozenset(range(12))
_numbers = count(1)


def load_definition() -> Any:
    wait = int(WAIT_AT_MOST.total_seconds())
    return definition(EnrollmentSettings(keys_folder=keys_folder(), wait_at_most_seconds=wait))


@dataclass
class EnrollmentHarness:
    """A session of the service. `announced` collects its events on `enrollment.events`."""

    connection: Connection
    session: EngineSession
    decoder: Decoder
    definition: Any
    now: datetime = LATER
    announced: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def receive(self, *events: Event, at_once: bool = True) -> None:
        """Process the events as one batch, or each in a batch of its own; no deadline acts, since more may follow."""
        for batch in [events] if at_once else [[event] for event in events]:
            await self._receive(batch)

    async def _receive(self, events: Sequence[Event]) -> None:
        decoded = [self.decoder.decode(_record(event), self.now) for event in events]
        lanes = {item.message.lane for item in decoded if item.message and item.message.lane is not None}
        await self._run(lanes, lambda tx: dispatch(tx, self.decoder, decoded), NEVER)

    async def process_released(self, *records: Record) -> None:
        """Process released records, as the engine does."""
        decoded = [self.decoder.decode_deferred(record, self.now) for record in records]
        await self._run(EVERY_LANE, lambda tx: dispatch(tx, self.decoder, decoded), NEVER)

    async def requeue_parked(self) -> None:
        """Replay all parked records as an operator; the engine would process them in its next sweep."""
        operator = Operator("an operator", "it is known now", self.now, chain_key("enrollment"))
        numbers = [row["id"] for row in await self.connection.fetch("select id from parked")]
        connection = self.session.connection
        async with connection.transaction():
            await operations.replay_parked(connection, operator, numbers, vault())

    async def replay_parked(self) -> None:
        """Replay all parked records as an operator, and process them as the engine does."""
        await self.requeue_parked()
        rows = await self.connection.fetch("delete from waiting where kind = 'replay' returning record")
        await self.process_released(*(unpack(row["record"]) for row in rows))

    async def sweep(self, read_through: datetime | None = None) -> None:
        """Run all timers, the engine's included, until nothing is due."""
        retention = Retention(timedelta(days=42), timedelta(days=365))
        timers = (
            *self.definition.timers,
            *engine_timers(self.decoder, retention, self.definition.causes),
            END_CATCHING_UP,
        )
        for timer in timers:
            while await self._sweep(timer, read_through or self.now):
                pass

    async def _sweep(self, timer: Timer, read_through: datetime) -> int:
        done = 0

        async def body(tx: Transaction) -> None:
            nonlocal done
            done = await timer.sweep(tx, sorted(EVERY_LANE))

        await self._run(EVERY_LANE, body, self.now if timer.prevented_by == () else read_through)
        return done

    async def adopt(self, *outbox_events: tuple[str, dict[str, Any]]) -> None:
        """Adopt events that were in our own topic beyond the outbox after a restore."""
        for name, data in outbox_events:
            lane = lane_of(data["participant_id"])
            event = OutboxEvent(f"salur.enrollment.{name}.v1", data["participant_id"], json.dumps(data).encode())
            page = Page("enrollment.events", lane, 1, 1, 1, self.now, [event], adopted=True)

            async def body(tx: Transaction, page: Page = page) -> None:
                await self.definition.adopt(tx, Tail(page.topic, page.lane, [page], whole=True))

            await self._run(EVERY_LANE, body, self.now)

    async def _run(self, lanes: Any, body: Any, read_through: datetime) -> None:
        pages = await self.session.transact(lanes, body, now=self.now, watermark=read_through)
        for page in pages:
            if page.topic == "enrollment.events":
                self.announced += [(event.type.split(".")[2], json.loads(event.data)) for event in page.events]

    def event_names(self) -> list[str]:
        return [name for name, _ in self.announced]

    def data_of(self, name: str) -> list[dict[str, Any]]:
        """Return the data of all events of one type."""
        return [data for event_name, data in self.announced if event_name == name]

    def reasons(self) -> list[str]:
        return [data["reason"] for _, data in self.announced if "reason" in data]

    async def parked(self) -> list[tuple[str, str]]:
        rows = await self.connection.fetch("select reason, detail from parked order by id")
        return [(row["reason"], row["detail"]) for row in rows]

    async def rows(self, table: str) -> int:
        return int(await self.connection.fetchval(f"select count(*) from {table}"))

    async def breaches(self) -> list[str]:
        return [breach for invariant in self.definition.invariants for breach in await invariant.check(self.connection)]

    async def reset(self) -> None:
        """Empty all tables for the next example."""
        await self.connection.execute(
            "truncate wave, course, block, erasure, admission, account, enrollment, tally, claim,"
            " forfeit, purchase_deadline,"
            " parked, waiting, woken, page, remembered;"
            "update sequence set next_sequence = 1, era_first = 1; update lane set era = era + 1"
        )
        self.announced.clear()
        self.now = LATER


def completed(
    participant_id: str, redeem_code: str, completed_at: datetime, reopened_at: datetime | None = None
) -> Event:
    data: dict[str, object] = {
        "reopened_at": reopened_at and write_time(reopened_at),
        "completed_at": write_time(completed_at),
        "evidence": [],
        "digest": "00",
        "scheme": "normal-2023",
        "scheme_version": 1,
    }
    return _from_completion(completion.COMPLETION_CONFIRMED, participant_id, redeem_code, data)


def not_completed(participant_id: str, redeem_code: str) -> Event:
    data = {"reason": "not_completed_in_time", "missing": ["post_test_taken"]}
    return _from_completion(completion.COMPLETION_REJECTED, participant_id, redeem_code, data)


def rated(participant_id: str, redeem_code: str, rated_at: datetime) -> Event:
    data = {"stars": 5, "rated_at": write_time(rated_at)}
    return _from_completion(completion.TRAINING_RATED, participant_id, redeem_code, data)


def revoked(participant_id: str, redeem_code: str, revoked_at: datetime) -> Event:
    data = {
        "reason": "face_fraud",
        "evidence": {"source": "/attendance/face", "id": "e-1"},
        "digest": "00",
        "revoked_at": write_time(revoked_at),
    }
    return _from_completion(completion.COMPLETION_REVOKED, participant_id, redeem_code, data)


def _from_completion(event: EventType[Any], participant_id: str, redeem_code: str, data: dict[str, Any]) -> Event:
    about = {"participant_id": participant_id, "redeem_code": redeem_code}
    return Event(event, {**about, **data}, "/salur/completion", participant_id, f"c-{next(_numbers)}")


def _record(event: Event) -> Record:
    """Return a record at an offset of its own, with sequence numbers if our own service sends it."""
    record = event.record(offset=next(_numbers))
    return as_emitted(record, "completion") if event.source.startswith("/salur/") else record


def vault() -> KeyRing:
    return KeyRing.load(keys_folder() / "enrollment.jwks.json")


async def create_harness(database: Database) -> EnrollmentHarness:
    """Open a session in the service's schema."""
    writer, owner = await database.sessions("enrollment")
    service = load_definition()
    await insert_rows(writer, service.own_topics)
    decoder = Decoder(service.sources)
    terms = TransactionTerms(
        service="enrollment",
        vault=vault(),
        chain=chain_key("enrollment"),
        internal_topics=frozenset(topic.name for topic in TOPICS if topic.internal),
        wait_at_most=WAIT_AT_MOST,
        waiting_per_key=WAITING_PER_KEY,
        batch_records=3000,
    )
    return EnrollmentHarness(owner, EngineSession(writer, terms, decoder, lambda: 1), decoder, service)
