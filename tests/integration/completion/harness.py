"""The completion service on a real database, without Kafka: the harness runs the transactions as the engine does."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

from asyncpg import Connection
from joserfc.jwk import OctKey
from pydantic import BaseModel

from services.completion.app import definition
from services.completion.handlers.reopening import reopen
from services.completion.settings import CompletionSettings
from shared.contracts import enrollment, upstream
from shared.contracts.events import EventType
from shared.contracts.fields import rupiah
from shared.contracts.seals import KeyRing
from shared.contracts.topics import LANES, TOPICS, TRAINING_ATTENDANCE, lane_of
from shared.messaging.engine.operator import Operator
from shared.messaging.engine.release_runner import ReleaseRunner
from shared.messaging.message import Record
from shared.messaging.outbox.page import OutboxEvent, Page
from shared.messaging.outbox.store import page_of
from shared.messaging.transaction.batch import Batch, handle
from shared.messaging.transaction.decoder import Decoder
from shared.messaging.transaction.dispatch import dispatch
from shared.messaging.transaction.lane import insert_rows
from shared.messaging.transaction.session import EngineSession
from shared.messaging.transaction.subscription import Tail
from shared.messaging.transaction.transaction import Transaction, TransactionTerms
from shared.times import write_time
from tests.builders import as_emitted, chain_key
from tests.infrastructure import Database
from tests.unit.completion.facts import CODE, DAY, HOUR, LAST_END, PARTICIPANT, PROVIDER, SEEN, a_rule

DEFINITION = definition(CompletionSettings())
SOURCES = {
    "session_attended": "/attendance/face",
    "post_test_taken": "/platforms/pintar",
    "work_graded": "/providers/lp0001",
    "certificate_issued": "/providers/lp0001",
    "training_rated": "/platforms/pintar",
    "survey_answered": "/surveys/exit",
}
_ids = count(1)


@dataclass(frozen=True)
class Sent:
    """An event as its producer sends it."""

    type: str
    topic: str
    data: Mapping[str, Any]
    source: str = "/salur/enrollment"
    id: str = field(default_factory=lambda: f"e-{next(_ids)}")
    trace: str | None = None

    def record(self) -> Record:
        headers = {
            "ce_specversion": "1.0",
            "ce_id": self.id,
            "ce_source": self.source,
            "ce_type": self.type,
            "ce_time": "2023-03-02T06:00:00Z",
            "content-type": "application/json",
        }
        if self.trace:
            headers["traceparent"] = self.trace
        lane, value = lane_of(self.data["participant_id"]), json.dumps(self.data).encode()
        encoded = tuple((n, v.encode()) for n, v in headers.items())
        record = Record(self.topic, lane, next(_ids), 0, None, value, encoded)
        return as_emitted(record, "enrollment") if self.source.startswith("/salur/") else record

    def but(self, **changes: object) -> "Sent":
        """Return the event with other attributes."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def with_data(self, **changes: object) -> "Sent":
        return replace(self, data={**self.data, **changes})


def confirmed(code: str = CODE, participant: str = PARTICIPANT, **changes: Any) -> Sent:
    """`enrollment_confirmed` of the training of `facts`: two sessions online, post-test passed, work graded."""
    rule = a_rule()
    data = enrollment.EnrollmentConfirmed(
        participant_id=participant,
        redeem_code=code,
        wave="48",
        scheme="normal-2023",
        scheme_version=1,
        platform="pintar",
        provider_id=PROVIDER,
        course_code="C-0815",
        schedule_code="S-0815-03",
        mode="online",
        price=rupiah(1_500_000),
        hours=18,
        purchased_at=rule.span.starts_at - 5 * DAY,
        sessions=tuple(
            enrollment.Session(sequence=s.sequence, proof=s.proof, starts_at=s.starts_at, ends_at=s.ends_at)
            for s in rule.sessions
        ),
        requires=enrollment.Requirements(post_test="passed", graded=True, certificate=False),
        whole_span=False,
        evidence_days=30,
        complete_within_days=30,
        benefits=(),
    )
    return _sent(enrollment.ENROLLMENT_CONFIRMED, data.model_copy(update=changes))


def rejected(code: str = CODE, participant: str = PARTICIPANT) -> Sent:
    data = enrollment.EnrollmentRejected(
        participant_id=participant, redeem_code=code, wave="48", reason="balance_insufficient"
    )
    return _sent(enrollment.ENROLLMENT_REJECTED, data)


def voided(code: str = CODE, participant: str = PARTICIPANT, *, at: datetime = SEEN) -> Sent:
    data = enrollment.EnrollmentVoided(
        participant_id=participant, redeem_code=code, wave="48", reason="class_cancelled", voided_at=at
    )
    return _sent(enrollment.ENROLLMENT_VOIDED, data)


def erased(participant: str = PARTICIPANT, *, at: datetime = SEEN) -> Sent:
    data = enrollment.ParticipantErased(participant_id=participant, erased_at=at)
    return _sent(enrollment.PARTICIPANT_ERASED, data)


def _sent(event: EventType[Any], data: BaseModel) -> Sent:
    return Sent(event.name, event.topic, json.loads(data.model_dump_json()))


def evidence(
    event: EventType[Any], at: datetime, code: str = CODE, participant: str = PARTICIPANT, **more: Any
) -> Sent:
    data = {"participant_id": participant, "redeem_code": code, str(event.time_field): write_time(at), **more}
    return Sent(event.name, event.topic, data, SOURCES[event.name.split(".")[2]])


def attended(sequence: int = 1, proof: str = "face", **more: Any) -> Sent:
    start = a_rule().span.starts_at + (sequence - 1) * DAY
    return evidence(upstream.SESSION_ATTENDED, start, sequence=sequence, proof=proof, **more)


def examined(*, passed: bool = True, at: datetime = LAST_END, **more: Any) -> Sent:
    return evidence(upstream.POST_TEST_TAKEN, at, score=80 if passed else 40, passed=passed, **more)


def graded(*, at: datetime = LAST_END + HOUR, **more: Any) -> Sent:
    return evidence(upstream.WORK_GRADED, at, **{"score": 75, "passed": True, "provider_id": PROVIDER, **more})


def certified(**more: Any) -> Sent:
    more = {"certificate_no": "CERT-1", "provider_id": PROVIDER, **more}
    return evidence(upstream.CERTIFICATE_ISSUED, LAST_END + DAY, **more)


def rated(*, at: datetime = LAST_END + DAY, **more: Any) -> Sent:
    return evidence(upstream.TRAINING_RATED, at, **{"stars": 5, **more})


def answered(survey: int = 1, *, at: datetime = SEEN - HOUR, **more: Any) -> Sent:
    return evidence(upstream.SURVEY_ANSWERED, at, **{"survey": survey, **more})


def revoked(event: Sent, *, topic: str = "", **changes: Any) -> Sent:
    """`evidence_revoked` of what the event reported, on its topic or on another one."""
    topic = topic or event.topic
    data = {
        "participant_id": event.data["participant_id"],
        "redeem_code": event.data["redeem_code"],
        "evidence": {"source": event.source, "id": event.id},
        "reason": "face_fraud",
        "revoked_at": write_time(SEEN - HOUR),
    }
    source = "/attendance/audit" if topic == TRAINING_ATTENDANCE else "/platforms/pintar"
    return Sent(upstream.EVIDENCE_REVOKED.name, topic, data | changes, source)


def all_evidence(code: str = CODE, participant: str = PARTICIPANT) -> list[Sent]:
    """Return the evidence that completes the training of `confirmed`."""
    whose: dict[str, Any] = {"code": code, "participant": participant}
    return [attended(1, **whose), attended(2, **whose), examined(**whose), graded(**whose)]


@dataclass
class CompletionHarness:
    """A session of the service. `announced` collects its events, dead letters excluded."""

    connection: Connection
    session: EngineSession
    decoder: Decoder
    terms: TransactionTerms
    now: datetime = SEEN
    announced: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)

    async def receive(self, *events: Sent, at_once: bool = True) -> None:
        """Process the events as one batch, or each in a batch of its own."""
        for batch in [events] if at_once else [[event] for event in events]:
            await self._transact(batch)

    async def _transact(self, events: Sequence[Sent]) -> None:
        decoded = [self.decoder.decode(event.record(), self.now) for event in events]

        async def body(tx: Transaction) -> None:
            await dispatch(tx, self.decoder, decoded)

        await self._run({lane_of(event.data["participant_id"]) for event in events}, body, self.now)

    async def take_up(self) -> None:
        """Handle one portion of the released records, as the engine does between two batches."""
        plan: Any = SimpleNamespace(clock=SimpleNamespace(now=lambda: self.now))
        membership: Any = SimpleNamespace(session=self.session)
        assignment: Any = SimpleNamespace(positioned=True, lanes=range(LANES))
        batches: Any = SimpleNamespace(run=self._run_batch)
        runner = ReleaseRunner(plan, self.decoder, membership, assignment, batches, asyncio.Event())
        await runner.run(until=0.0)

    async def _run_batch(self, batch: Batch) -> None:
        async def body(tx: Transaction) -> None:
            await handle(tx, self.decoder, batch)

        await self._run(batch.lanes(), body, self.now)

    async def sweep(self, read_through: datetime | None = None) -> int:
        """Run one portion of the service's timer; return how much was due."""
        done = 0

        async def body(tx: Transaction) -> None:
            nonlocal done
            done = await DEFINITION.timers[0].sweep(tx, range(12))

        await self._run(set(range(12)), body, read_through or self.now)
        return done

    async def adopt(self, *outbox_events: tuple[str, bytes]) -> None:
        """Adopt events that were in our own topic beyond the outbox after a restore."""
        lane, events = lane_of(PARTICIPANT), [OutboxEvent(kind, PARTICIPANT, data) for kind, data in outbox_events]
        page = Page("completion.events", lane, 1, 1, 1, self.now, events, adopted=True)

        async def body(tx: Transaction) -> None:
            assert DEFINITION.adopt is not None
            await DEFINITION.adopt(tx, Tail(page.topic, lane, [page], whole=True))

        await self._run({lane_of(PARTICIPANT)}, body, self.now)

    async def reopen(self, *people: str, code: str = CODE) -> list[str]:
        """Reopen a training as each of these persons, one after the other; return what each was told."""
        connection, told = self.session.connection, list[str]()
        for who in people or ("Ani", "Budi"):
            async with connection.transaction():
                operator = Operator(who, "a complaint", self.now, self.terms.chain)
                told.append((await reopen(self.terms, code, connection, operator)).sentence)
        rows = await self.connection.fetch("select * from page where topic = 'completion.events' and not adopted")
        known = {(page.lane, page.first_sequence) for page in self.pages}
        self._note(page_of(row) for row in rows if (row["lane"], row["first_sequence"]) not in known)
        return told

    async def _run(self, lanes: set[int], body: Any, read_through: datetime) -> None:
        self._note(await self.session.transact(lanes, body, now=self.now, watermark=read_through))

    def _note(self, pages: Iterable[Page]) -> None:
        for page in pages:
            if not page.topic.startswith("dead-letters"):
                self.pages.append(page)
            if page.topic == "completion.events":
                self.announced += [(event.type.split(".")[2], json.loads(event.data)) for event in page.events]

    def event_names(self) -> list[str]:
        return [name for name, _ in self.announced]

    async def parked(self) -> list[tuple[str, str]]:
        rows = await self.connection.fetch("select reason, detail from parked order by id")
        return [(row["reason"], row["detail"]) for row in rows]

    async def state(self, code: str = CODE) -> str:
        return str(await self.connection.fetchval("select state from enrollment where redeem_code = $1", code))

    async def rows(self, table: str) -> int:
        return int(await self.connection.fetchval(f"select count(*) from {table}"))

    async def breaches(self) -> list[str]:
        return [breach for invariant in DEFINITION.invariants for breach in await invariant.check(self.connection)]

    async def reset(self) -> None:
        """Empty all tables for the next example."""
        await self.connection.execute(
            "truncate enrollment, deadline, evidence, spare, revocation, survey, tally, remembered, parked;"
            "truncate waiting, woken, page, consent;"
            "update sequence set next_sequence = 1, era_first = 1; update lane set era = era + 1"
        )
        self.announced.clear()
        self.pages.clear()
        self.now = SEEN


async def create_harness(database: Database, *, batch_records: int = 3000) -> CompletionHarness:
    """Open a session in the service's schema."""
    writer, owner = await database.sessions("completion")
    await insert_rows(writer, DEFINITION.own_topics)
    decoder = Decoder(DEFINITION.sources)
    terms = TransactionTerms(
        service="completion",
        vault=KeyRing({"test": OctKey.generate_key(256, {"kid": "test"})}),
        chain=chain_key("completion"),
        internal_topics=frozenset(topic.name for topic in TOPICS if topic.internal),
        wait_at_most=timedelta(hours=24),
        waiting_per_key=1000,
        batch_records=batch_records,
    )
    return CompletionHarness(owner, EngineSession(writer, terms, decoder, lambda: 1), decoder, terms)
