"""An installation with simulated upstream systems and partners, for faults to be injected and all results audited."""

import asyncio
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import asyncpg
import httpx
from aiokafka import AIOKafkaProducer
from prometheus_client.parser import text_string_to_metric_families

from deploy.demo.audit import AuditResult, audit, is_finished, not_parked
from deploy.demo.follow_ups import FollowUps
from deploy.demo.observer import TopicObserver
from deploy.demo.plan import COME_LATER, reports_parked
from deploy.demo.reopening import may_be_reopened, reopen
from deploy.local.installation import Installation
from deploy.local.services import in_every_service
from deploy.simulation.delivery import OutgoingRecord, outgoing_record, repeat_and_shuffle, send
from deploy.simulation.partner import Payment, read_ledger
from deploy.simulation.people import (
    OUT_OF,
    SEMI_BANSOS_WAVE,
    TIMELINE_ENDS_AT,
    WAVE,
    WEIGHTS,
    Person,
    Persona,
    cohort,
)
from deploy.simulation.timeline import (
    SimulatedEvent,
    courses_approved,
    funds_appropriated,
    providers_registered,
    timeline,
    wave_opened,
)
from services.completion.invariants import INVARIANTS as COMPLETION
from services.enrollment.invariants import INVARIANTS as ENROLLMENT
from services.payment.invariants import INVARIANTS as PAYMENT
from services.payment.store.ledger import LEDGER_CHAINS
from shared.contracts.seals import KeyRing
from shared.contracts.topics import PARTNERS, lane_of
from shared.runtime.chain_seals import ChainSeals
from shared.runtime.invariants import ENGINE_INVARIANTS, breaches_of
from tests.faults.fault_injector import FaultInjector
from tests.faults.topic_audit import breaches_of_topics
from tests.infrastructure import QUICK_SWEEPS

INVARIANTS = {"enrollment": ENROLLMENT, "completion": COMPLETION, "payment": PAYMENT}
# Who keeps a shared NIK or gets the last place depends on the order among people, which faults change.
LEFT_OUT = COME_LATER | {Persona.LAST_PLACE}

# Kafka's topics do not age when the programme's clock leaps; what is kept beside them must not either.
KEPT = in_every_service("PAGE_RETENTION_DAYS", "365")
# Some partners answer only when they are asked.
QUICK = QUICK_SWEEPS | KEPT | in_every_service("LOOK_EVERY_SECONDS", "0.5") | {"PAYMENT_ANSWER_WITHIN_SECONDS": "10"}
PARTNERS_TROUBLE = {"SALUR_PARTNERS_REPEATS": "3", "SALUR_PARTNERS_LATE_SECONDS": "0.5"}
# Milliseconds that an upstream producer retries for: a fault delays its records, but loses none.
PATIENCE_MS = 120_000
# After a restart of the broker the partners report on every instruction again.
PARTNERS_QUIET_SECONDS = 10.0
CLOCK_SEEN_SECONDS = 2.0
# More than the 32 MiB that a record batch may decompress to.
BOMB_BYTES = 40 << 20


@asynccontextmanager
async def running_world(folder: Path, *, quota: int = 100_000, training: int = 10**11) -> "AsyncIterator[FaultWorld]":
    """Start an installation with its partners, open the programme and observe the topics; stop everything at the end.

    `quota`: places of the wave. `training`: rupiah for fees.
    """
    installation = Installation(folder, settings=QUICK | PARTNERS_TROUBLE, durable=False)
    installation.set_clock(TIMELINE_ENDS_AT)
    try:
        await asyncio.to_thread(installation.start)
        await asyncio.to_thread(installation.start_partners)
        observer = TopicObserver(installation.kafka.bootstrap)
        observing = asyncio.create_task(observer.run())
        producer = AIOKafkaProducer(
            bootstrap_servers=installation.kafka.bootstrap,
            acks="all",
            enable_idempotence=True,
            max_batch_size=1 << 20,
            request_timeout_ms=PATIENCE_MS,
        )
        await producer.start()
        try:
            # Services are killed and started again between two requests.
            async with httpx.AsyncClient(timeout=10, limits=httpx.Limits(max_keepalive_connections=0)) as pages:
                world = FaultWorld(installation, pages, observer, producer)
                await world.open_programme(quota, training)
                yield world
        finally:
            await producer.stop()
            observing.cancel()
            with suppress(asyncio.CancelledError):
                await observing
    finally:
        await asyncio.to_thread(installation.stop)


@asynccontextmanager
async def verified_world(**programme: int) -> "AsyncIterator[FaultWorld]":
    """Run a world in a temporary folder; at the end each service's `verify` must pass."""
    folder = Path(tempfile.mkdtemp(prefix="salur-faults-"))
    try:
        async with running_world(folder, **programme) as world:
            yield world
            assert await asyncio.to_thread(world.installation.verify) == []
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class FaultWorld(FaultInjector):
    """World to which tests add people; every audit covers all of them."""

    observer: TopicObserver
    producer: AIOKafkaProducer
    people: list[Person] = field(default_factory=list)
    follow_ups: FollowUps = field(default_factory=FollowUps)
    expected_parked: Counter[str] = field(default_factory=Counter)
    now: datetime = TIMELINE_ENDS_AT
    _to_reopen: list[Person] = field(default_factory=list)
    _seed: int = 0
    _people_made: int = 0

    @property
    def keys(self) -> KeyRing:
        return KeyRing.load(self.installation.keys / "programme.jwks.json")

    async def open_programme(self, quota: int, training: int) -> None:
        """Send approvals of courses before the waves: whoever is admitted buys when they are known."""
        money = [
            funds_appropriated(component, amount, f"SP2D-{wave}-{component}", wave)
            for component, amount in (("training", training), ("incentive", 10**11), ("survey", 10**11))
            for wave in (WAVE, SEMI_BANSOS_WAVE)
        ]
        waves = [wave_opened(quota), wave_opened(wave=SEMI_BANSOS_WAVE)]
        await send(self.producer, repeat_and_shuffle(courses_approved(), 1))
        await send(self.producer, repeat_and_shuffle([*waves, *providers_registered(self.keys), *money], 1))

    def new_people_records(self, count: int = 40) -> list[OutgoingRecord]:
        """Add people and return their records, each one to three times, shuffled."""
        people = [person for person in self._new_people(count) if person.persona not in LEFT_OUT]
        return self._records_of(people)

    def one_of_each_records(self) -> list[OutgoingRecord]:
        """Add a person of each persona and return their records."""
        personas = [persona for persona in Persona if persona not in LEFT_OUT]
        return self._records_of([self._new_people(1, {persona: OUT_OF})[0] for persona in personas])

    def new_people_records_in_lanes(self, lanes: Collection[int]) -> list[OutgoingRecord]:
        """Add as many ordinary people as it takes to reach each of these lanes, and return their records."""
        people, open_lanes = list[Person](), set(lanes)
        while open_lanes:
            people += self._new_people(1, {})
            open_lanes.discard(lane_of(people[-1].participant_id))
        return self._records_of(people)

    def people_of(self, persona: Persona, count: int) -> list[Person]:
        """Add people of one persona; the caller sends their records."""
        people = self._new_people(count, {persona: OUT_OF})
        self._expect(people)
        return people

    def repeated_and_shuffled(self, events: Iterable[SimulatedEvent]) -> list[OutgoingRecord]:
        """Return each event as one to three records, shuffled."""
        self._seed += 1
        return repeat_and_shuffle(events, self._seed)

    def _new_people(self, count: int, weights: Mapping[Persona, int] = WEIGHTS) -> list[Person]:
        self._seed += 1
        born = cohort(self._seed, count, first_number=10_000 + self._people_made, weights=weights)
        self._people_made += count
        return born

    def _records_of(self, people: Sequence[Person]) -> list[OutgoingRecord]:
        self._expect(people)
        return self.repeated_and_shuffled(event for person in people for event in timeline(person, self.keys))

    def _expect(self, people: Sequence[Person]) -> None:
        self.people += people
        self.follow_ups.add(people, self.keys)
        self.expected_parked.update(reports_parked(people))

    async def three_times(self, count: int = 40) -> list[OutgoingRecord]:
        """Add people and return each of their records exactly three times, shuffled."""
        records = list({(one.value, one.topic): one for one in self.new_people_records(count)}.values()) * 3
        random.Random(self._seed).shuffle(records)
        return records

    async def send(self, records: list[OutgoingRecord]) -> None:
        self.expected_parked.update(one.parked for one in records if one.parked)
        await send(self.producer, records)

    async def send_follow_ups(self) -> None:
        """Take the further steps of people, as far as what the steps before lead to was observed.

        What operators do is tried again until it is seen: a restore may undo half of it.
        """
        due = self.follow_ups.take_due(self.observer.seen, self.now)
        await self.send(due.records)
        waiting = (*self._to_reopen, *due.to_reopen)
        self._to_reopen = [person for person in waiting if person.redeem_code not in self.observer.seen.completed]
        completion = self.installation.services["completion"]
        for person in self._to_reopen:
            if await asyncio.to_thread(may_be_reopened, completion, person):
                await asyncio.to_thread(reopen, completion, person)

    async def leap(self, now: datetime) -> None:
        """Move the programme's clock, once no partner has a report left that it would date ahead of the services."""
        await asyncio.sleep(PARTNERS_QUIET_SECONDS)
        self.installation.set_clock(now)
        self.now = now
        await asyncio.sleep(CLOCK_SEEN_SECONDS)

    async def until_all_settled(self) -> None:
        async def all_there() -> bool:
            await self.send_follow_ups()
            return is_finished(self.people, self.observer.seen, self.now) and not not_parked(
                self.expected_parked, self.observer.seen.parked
            )

        try:
            await self.until(all_there, "every payment and refusal is as expected")
        except AssertionError as error:
            raise AssertionError(f"{error}: {list(self._audit().wrongs)[:8]}") from None

    async def assert_consistent(self) -> None:
        """Assert that all expected payments have come and no others, and that every invariant holds."""
        await self.until_all_settled()
        result = self._audit()
        verdict = (result.doubles, result.losses, list(result.wrongs)[:8])
        assert verdict == (0, 0, []), verdict
        await self.until(self._all_published, "every page is published")
        breaches = await breaches_of_topics(self.installation)
        assert not breaches, breaches[:8]
        broken = [breach for name in INVARIANTS for breach in await self._broken(name)]
        assert not broken, broken[:8]

    async def _broken(self, service: str) -> list[str]:
        """Check the invariants of the service's `verify` without starting a process."""
        connection = await asyncpg.connect(self.installation.role_postgres_url(service))
        try:
            sealing = ChainSeals.load(self.installation.keys, service, (LEDGER_CHAINS,) if service == "payment" else ())
            return [
                f"{service}, {invariant.id} {invariant.name}: {breach}"
                for invariant in (*ENGINE_INVARIANTS, sealing.invariant(), *INVARIANTS[service])
                for breach in await breaches_of(connection, invariant)
            ]
        finally:
            await connection.close()

    async def _all_published(self) -> bool:
        for name in self.installation.services:
            connection = await asyncpg.connect(self.installation.role_postgres_url(name))
            behind = await connection.fetchval(
                "select count(*) from publication p join sequence s using (topic, lane)"
                " where p.published < s.next_sequence - 1 or p.say_again_from is not null"
            )
            await connection.close()
            if behind:
                return False
        return True

    def _audit(self) -> AuditResult:
        return audit(self.people, self.observer.seen, self.payments(), self.expected_parked, self.now)

    def payments(self) -> list[Payment]:
        """Return the payments in the partners' own ledgers."""
        ledgers = self.installation.folder / "ledgers"
        return [one for partner in PARTNERS for one in read_ledger(ledgers / f"{partner}.jsonl") if one.number == 1]

    async def until_paid_in(self, lanes: Collection[int]) -> None:
        """Wait until everybody in these lanes is paid, whatever happens in the others."""
        people = [person for person in self.people if lane_of(person.participant_id) in lanes]

        async def all_there() -> bool:
            await self.send_follow_ups()
            return is_finished(people, self.observer.seen, self.now)

        await self.until(all_there, f"lanes {sorted(lanes)} are paid")

    async def until_read_to_the_end(self) -> None:
        """Wait until no service lags behind, by its own metrics."""

        async def no_lag() -> bool:
            for service in self.installation.services.values():
                text = (await self.pages.get(f"{service.url}/metrics")).text
                families = {family.name: family for family in text_string_to_metric_families(text)}
                if any(sample.value for sample in families["kafka_consumergroup_group_lag"].samples):
                    return False
            return True

        await self.until(no_lag, "every topic is read to its end")

    async def empty_topic(self, topic: str) -> None:
        await super().empty_topic(topic)
        self.observer.restart()

    async def empty_kafka(self) -> None:
        await super().empty_kafka()
        self.observer.restart()

    async def appropriations(self, documents: str) -> int:
        """Return the number of booked appropriations whose document begins with `documents`."""
        return len(await self.rows("payment", "select from appropriation where starts_with(document, $1)", documents))

    async def send_bomb(self) -> None:
        """Send a record batch of a few kilobytes that decompresses to more than a service accepts."""
        self._seed += 1
        record = outgoing_record(next(timeline(self.people[0], self.keys)), identity=f"bomb-{self._seed}")
        producer = AIOKafkaProducer(
            bootstrap_servers=self.installation.kafka.bootstrap,
            compression_type="gzip",
            max_batch_size=2 * BOMB_BYTES,
            max_request_size=2 * BOMB_BYTES,
        )
        await producer.start()
        try:
            headers = list(record.headers)
            await producer.send_and_wait(record.topic, bytes(BOMB_BYTES), key=record.key, headers=headers)
        finally:
            await producer.stop()
        self.expected_parked["too_large"] += 1

    async def send_poison(self) -> None:
        """Send records that no service can process."""
        self._seed += 1
        event = next(timeline(self.people[0], self.keys))
        valid = outgoing_record(event, identity=f"poison-{self._seed}")
        bad = [
            OutgoingRecord(valid.topic, valid.key, b"\x00\xff not json", valid.headers, 0),
            OutgoingRecord(valid.topic, None, b'{"a":' * 5000 + b"1", valid.headers, 5),
            OutgoingRecord(
                valid.topic, b"\xff\xfe", valid.value, (*valid.headers[:1], ("ce_id", b"\xff"), *valid.headers[2:]), 7
            ),
        ]
        self.expected_parked.update(["invalid_json", "too_deep", "bad_envelope"])
        await self.send(bad)
