"""A whole installation with simulated upstreams and partners, to which faults happen; in the end the judge speaks."""

import asyncio
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx
from aiokafka import AIOKafkaProducer
from prometheus_client.parser import text_string_to_metric_families

from deploy.demo.audit import Judgement, finished, judge, not_parked
from deploy.demo.watch import Watcher
from deploy.local.installation import Installation
from deploy.simulation.partner import Payment, read_ledger
from deploy.simulation.people import OUT_OF, STORY_ENDS_AT, WEIGHTS, Fate, Person, cohort
from deploy.simulation.sending import Letter, letter, repeated_and_shuffled, send
from deploy.simulation.story import Sent, story, the_money, the_providers, the_wave
from services.completion.invariants import INVARIANTS as COMPLETION
from services.enrollment.invariants import INVARIANTS as ENROLLMENT
from services.payment.invariants import INVARIANTS as PAYMENT
from services.payment.store.books import BOOKS
from shared.contracts.sealed import KeyRing
from shared.contracts.topics import PARTNERS, lane_of
from shared.runtime.invariants import ENGINE_INVARIANTS, breaches_of
from shared.runtime.sealing import Sealing
from tests.faults.damage import Damage
from tests.faults.said import breaches_of_topics

INVARIANTS = {"enrollment": ENROLLMENT, "completion": COMPLETION, "payment": PAYMENT}
# The order among people decides who keeps a NIK, and a refund of trust needs an operator: not what is tried here.
LEFT_OUT = (Fate.SAME_NIK,)

SERVICES = ("ENROLLMENT", "COMPLETION", "PAYMENT")
QUICK = {f"{service}_{name}": "0.5" for service in SERVICES for name in ("SWEEP_EVERY_SECONDS", "LOOK_EVERY_SECONDS")}
PARTNERS_TROUBLE = {"SALUR_PARTNERS_REPEATS": "3", "SALUR_PARTNERS_LATE_SECONDS": "0.5"}
# A producer of the world outside is patient: what it could not deliver is not lost, only late.
PATIENCE_MS = 120_000
# A record batch may unpack to 32 MiB.
BOMB_BYTES = 40 << 20


@asynccontextmanager
async def a_world(folder: Path, *, quota: int = 100_000, training: int = 10**11) -> "AsyncIterator[World]":
    """Everything runs, the programme is open, and somebody watches; in the end nothing is left running.

    `quota`: how many the wave admits. `training`: rupiah for fees.
    """
    installation = Installation(folder, settings=QUICK | PARTNERS_TROUBLE, durable=False)
    installation.set_clock(STORY_ENDS_AT)
    try:
        await asyncio.to_thread(installation.start)
        await asyncio.to_thread(installation.start_partners)
        watcher = Watcher(installation.kafka.bootstrap)
        watching = asyncio.create_task(watcher.run())
        producer = AIOKafkaProducer(
            bootstrap_servers=installation.kafka.bootstrap,
            acks="all",
            enable_idempotence=True,
            max_batch_size=1 << 20,
            request_timeout_ms=PATIENCE_MS,
        )
        await producer.start()
        world = World(installation, watcher, producer)
        try:
            await world.open_the_programme(quota, training)
            yield world
        finally:
            await producer.stop()
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
    finally:
        await asyncio.to_thread(installation.stop)


@asynccontextmanager
async def a_proved_world(**programme: int) -> "AsyncIterator[World]":
    """As `a_world`, in a folder of its own; in the end the `verify` of each service has to be clean."""
    folder = Path(tempfile.mkdtemp(prefix="salur-faults-"))
    try:
        async with a_world(folder, **programme) as world:
            yield world
            for done in await asyncio.gather(*(world.verb(name, "verify") for name in world.installation.services)):
                assert done.returncode == 0, f"{done.args}: {done.stdout}{done.stderr}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class World(Damage):
    """People are added test by test; the judge always speaks about all of them."""

    watcher: Watcher
    producer: AIOKafkaProducer
    people: list[Person] = field(default_factory=list)
    hostile: Counter[str] = field(default_factory=Counter)
    _seed: int = 0
    _born: int = 0

    @property
    def keys(self) -> KeyRing:
        return KeyRing.load(self.installation.keys / "programme.jwks.json")

    async def open_the_programme(self, quota: int, training: int) -> None:
        money = [the_money("training", training, "SP2D-1"), the_money("incentive", 10**11, "SP2D-2")]
        events = [the_wave(quota), *the_providers(self.keys), *money]
        await send(self.producer, repeated_and_shuffled(events, 1))

    def newcomers(self, count: int = 40) -> list[Letter]:
        """The stories of people not seen before: every record one to three times, all of them shuffled."""
        people = [person for person in self._born_now(count) if person.fate not in LEFT_OUT]
        return self._told(people)

    def newcomers_in_lanes(self, lanes: Collection[int]) -> list[Letter]:
        """As `newcomers`, as many as it takes until somebody ordinary is in each of these lanes."""
        people, open_lanes = list[Person](), set(lanes)
        while open_lanes:
            people += self._born_now(1, {})
            open_lanes.discard(lane_of(people[-1].participant_id))
        return self._told(people)

    def people_of(self, fate: Fate, count: int) -> list[Person]:
        """People not seen before who all have this fate; the test tells their stories itself."""
        people = self._born_now(count, {fate: OUT_OF})
        self._expect(people)
        return people

    def letters(self, events: Iterable[Sent]) -> list[Letter]:
        """Every record one to three times, all of them shuffled."""
        self._seed += 1
        return repeated_and_shuffled(events, self._seed)

    def _born_now(self, count: int, weights: Mapping[Fate, int] = WEIGHTS) -> list[Person]:
        self._seed += 1
        born = cohort(self._seed, count, first_number=10_000 + self._born, weights=weights)
        self._born += count
        return born

    def _told(self, people: Sequence[Person]) -> list[Letter]:
        self._expect(people)
        return self.letters(event for person in people for event in story(person, self.keys))

    def _expect(self, people: Sequence[Person]) -> None:
        self.people += people
        paid = [person for person in people if person.rates]
        self.hostile["amount_mismatch"] += sum(person.fate is Fate.WRONG_AMOUNT_FIRST for person in paid)
        contradicted = (Fate.REJECTED_AFTERWARDS, Fate.CONTRADICTED)
        self.hostile["contradicts_final"] += sum(person.fate in contradicted for person in paid)

    async def three_times(self, count: int = 40) -> list[Letter]:
        """As `newcomers`, but every record exactly three times."""
        letters = list({(one.value, one.topic): one for one in self.newcomers(count)}.values()) * 3
        random.Random(self._seed).shuffle(letters)
        return letters

    async def send(self, letters: list[Letter]) -> None:
        self.hostile.update(one.parked for one in letters if one.parked)
        await send(self.producer, letters)

    async def until_everybody_has_what_is_due(self) -> None:
        async def all_there() -> bool:
            return finished(self.people, self.watcher.seen) and not not_parked(self.hostile, self.watcher.seen.parked)

        try:
            await self.until(all_there, "everybody has what is due")
        except AssertionError as error:
            raise AssertionError(f"{error}: {list(self._judge().wrongs)[:8]}") from None

    async def in_order(self) -> None:
        """Everything that must come has come, nothing else has, and every invariant holds."""
        await self.until_everybody_has_what_is_due()
        judgement = self._judge()
        verdict = (judgement.doubles, judgement.losses, list(judgement.wrongs)[:8])
        assert verdict == (0, 0, []), verdict
        await self.until(self._all_published, "everything said is in Kafka")
        breaches = await breaches_of_topics(self.installation)
        assert not breaches, breaches[:8]
        broken = [breach for name in INVARIANTS for breach in await self._broken(name)]
        assert not broken, broken[:8]

    async def _broken(self, service: str) -> list[str]:
        """What the service's own `verify` would say, without three more processes after each test."""
        connection = await asyncpg.connect(self.installation.role_postgres_url(service))
        try:
            sealing = Sealing.load(self.installation.keys, service, (BOOKS,) if service == "payment" else ())
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

    def _judge(self) -> Judgement:
        return judge(self.people, self.watcher.seen, self.payments(), self.hostile)

    def payments(self) -> list[Payment]:
        """What the simulated partners wrote down themselves."""
        ledgers = self.installation.folder / "ledgers"
        return [payment for partner in PARTNERS for payment in read_ledger(ledgers / f"{partner}.jsonl")]

    async def until_paid_in(self, lanes: Collection[int]) -> None:
        """Everybody in these lanes has what is due, whatever the other lanes do."""
        people = [person for person in self.people if lane_of(person.participant_id) in lanes]

        async def all_there() -> bool:
            return finished(people, self.watcher.seen)

        await self.until(all_there, f"lanes {sorted(lanes)} are paid")

    async def until_read_to_the_end(self) -> None:
        """No service lags behind, by its own metrics."""

        async def no_lag() -> bool:
            async with httpx.AsyncClient(timeout=10) as client:
                for service in self.installation.services.values():
                    text = (await client.get(f"{service.url}/metrics")).text
                    families = {family.name: family for family in text_string_to_metric_families(text)}
                    if any(sample.value for sample in families["kafka_consumergroup_group_lag"].samples):
                        return False
            return True

        await self.until(no_lag, "every topic is read to its end")

    async def empty(self, topic: str) -> None:
        await super().empty(topic)
        self.watcher.begin_again()

    async def empty_kafka(self) -> None:
        await super().empty_kafka()
        self.watcher.begin_again()

    async def appropriations(self, documents: str) -> int:
        """How many are in the books whose document begins so."""
        return len(await self.rows("payment", "select from appropriation where starts_with(document, $1)", documents))

    async def bomb(self) -> None:
        """A record batch of a few kilobytes that unpacks to more than any service takes."""
        self._seed += 1
        letter_ = letter(next(story(self.people[0], self.keys)), identity=f"bomb-{self._seed}")
        producer = AIOKafkaProducer(
            bootstrap_servers=self.installation.kafka.bootstrap,
            compression_type="gzip",
            max_batch_size=2 * BOMB_BYTES,
            max_request_size=2 * BOMB_BYTES,
        )
        await producer.start()
        try:
            headers = list(letter_.headers)
            await producer.send_and_wait(letter_.topic, bytes(BOMB_BYTES), key=letter_.key, headers=headers)
        finally:
            await producer.stop()
        self.hostile["too_large"] += 1

    async def poison(self) -> None:
        """Records that break something, among the good ones."""
        self._seed += 1
        event = next(story(self.people[0], self.keys))
        fine = letter(event, identity=f"poison-{self._seed}")
        bad = [
            Letter(fine.topic, fine.key, b"\x00\xff not json", fine.headers, 0),
            Letter(fine.topic, None, b'{"a":' * 5000 + b"1", fine.headers, 5),
            Letter(fine.topic, b"\xff\xfe", fine.value, (*fine.headers[:1], ("ce_id", b"\xff"), *fine.headers[2:]), 7),
        ]
        self.hostile.update(["invalid_json", "too_deep", "bad_envelope"])
        await self.send(bad)
