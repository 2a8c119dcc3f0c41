"""A whole installation with simulated upstreams and partners, to which faults happen; in the end the judge speaks."""

import asyncio
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError

from deploy.demo.audit import Judgement, finished, judge
from deploy.demo.watch import Watcher
from deploy.local.installation import Installation
from deploy.local.paths import ROOT
from deploy.local.processes import Process
from deploy.local.topics import create_topics
from deploy.simulation.partner import read_ledger
from deploy.simulation.people import Fate, Person, cohort
from deploy.simulation.sending import Letter, letter, repeated_and_shuffled, send
from deploy.simulation.story import story, the_money, the_providers, the_wave
from shared.contracts.sealed import KeyRing
from shared.contracts.topics import PARTNERS
from tests.faults.said import breaches_of_topics

DEADLINE_SECONDS = 90.0
# The order among people decides who keeps a NIK, and a refund of trust needs an operator: not what is tried here.
LEFT_OUT = (Fate.SAME_NIK,)


@dataclass
class World:
    """People are added test by test; the judge always speaks about all of them."""

    installation: Installation
    watcher: Watcher
    producer: AIOKafkaProducer
    people: list[Person] = field(default_factory=list)
    hostile: Counter[str] = field(default_factory=Counter)
    _seed: int = 0
    _born: int = 0

    @property
    def keys(self) -> KeyRing:
        return KeyRing.load(self.installation.keys / "programme.jwks.json")

    async def open_the_programme(self) -> None:
        money = [the_money("training", 10**11, "SP2D-1"), the_money("incentive", 10**11, "SP2D-2")]
        events = [the_wave(100_000), *the_providers(self.keys), *money]
        await send(self.producer, repeated_and_shuffled(events, 1))

    def newcomers(self, count: int = 40) -> list[Letter]:
        """The stories of people not seen before: every record one to three times, all of them shuffled."""
        self._seed += 1
        born = cohort(self._seed, count, first_number=10_000 + self._born)
        self._born += count
        people = [person for person in born if person.fate not in LEFT_OUT]
        self.people += people
        paid = [person for person in people if person.rates]
        self.hostile["amount_mismatch"] += sum(person.fate is Fate.WRONG_AMOUNT_FIRST for person in paid)
        self.hostile["contradicts_final"] += sum(person.fate is Fate.REJECTED_AFTERWARDS for person in paid)
        events = [event for person in people for event in story(person, self.keys)]
        return repeated_and_shuffled(events, self._seed)

    async def three_times(self, count: int = 40) -> list[Letter]:
        """As `newcomers`, but every record exactly three times."""
        letters = list({(one.value, one.topic): one for one in self.newcomers(count)}.values()) * 3
        random.Random(self._seed).shuffle(letters)
        return letters

    async def send(self, letters: list[Letter]) -> None:
        self.hostile.update(one.parked for one in letters if one.parked)
        await send(self.producer, letters)

    async def until(self, condition: Callable[[], Awaitable[bool]], what: str) -> None:
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                while not await condition():
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"did not come true in {DEADLINE_SECONDS} s: {what}") from None

    async def until_ended(self, process: Process) -> None:
        async def ended() -> bool:
            return not process.alive

        await self.until(ended, f"{process.name} has ended")

    async def in_order(self) -> None:
        """Everything that must come has come, nothing else has, and every invariant holds."""

        async def all_there() -> bool:
            return finished(self.people, self.watcher.seen) and not self.hostile - self.watcher.seen.parked

        try:
            await self.until(all_there, "everybody has what is due")
        except AssertionError as error:
            raise AssertionError(f"{error}: {list(self._judge().wrongs)[:8]}") from None
        judgement = self._judge()
        verdict = (judgement.doubles, judgement.losses, list(judgement.wrongs)[:8])
        assert verdict == (0, 0, []), verdict
        await self.until(self._all_published, "everything said is in Kafka")
        breaches = await breaches_of_topics(self.installation)
        assert not breaches, breaches[:8]
        for done in await asyncio.gather(*(self.verb(name, "verify") for name in self.installation.services)):
            assert done.returncode == 0, f"{done.args}: {done.stdout}{done.stderr}"

    async def _all_published(self) -> bool:
        for name in self.installation.services:
            connection = await asyncpg.connect(self.installation.service_postgres_url(name))
            behind = await connection.fetchval(
                "select count(*) from publication p join sequence s using (topic, lane)"
                " where p.published < s.next_sequence - 1 or p.say_again_from is not null"
            )
            await connection.close()
            if behind:
                return False
        return True

    def _judge(self) -> Judgement:
        ledgers = self.installation.folder / "ledgers"
        paid = [payment for partner in PARTNERS for payment in read_ledger(ledgers / f"{partner}.jsonl")]
        return judge(self.people, self.watcher.seen, paid, self.hostile)

    async def verb(self, service: str, *verb: str) -> "subprocess.CompletedProcess[str]":
        one = self.installation.services[service]
        return await asyncio.to_thread(
            subprocess.run,
            one.command(*verb),
            cwd=ROOT,
            env=dict(one.environment),
            capture_output=True,
            text=True,
            check=False,
        )

    @asynccontextmanager
    async def dying(self, service: str, point: str) -> AsyncIterator[None]:
        """In place of the service, one that dies at the point; afterwards the service itself is back."""
        one = self.installation.services[service]
        await asyncio.to_thread(one.kill)
        armed = self._arm(service, point, signal.SIGKILL)
        try:
            yield
            await self.until_ended(armed)
        finally:
            armed.kill()
            await asyncio.to_thread(one.start)

    @asynccontextmanager
    async def zombie(self, service: str, point: str) -> AsyncIterator[Process]:
        """In place of the service, one that freezes at the point; then the service takes over what it held."""
        one = self.installation.services[service]
        await asyncio.to_thread(one.kill)
        frozen = self._arm(service, point, signal.SIGSTOP)
        try:
            yield frozen
        finally:
            frozen.kill()

    async def take_over(self, service: str, frozen: Process) -> None:
        """The service comes back under its own name while the one that is to be frozen is."""

        async def stands_still() -> bool:
            return frozen.frozen

        await self.until(stands_still, f"{frozen.name} stands still")
        self.installation.services[service] = one = self.installation.replica(service, 1)
        await asyncio.to_thread(one.start)

    def _arm(self, service: str, point: str, blow: signal.Signals) -> Process:
        return Process.start(
            f"armed-{service}",
            [sys.executable, "-m", "tests.faults.armed", service, point, blow.name],
            log=self.installation.folder / "log" / f"armed-{service}-{point}-{blow.name}.log",
            environment=self.installation.services[service].environment,
            folder=ROOT,
        )

    async def empty(self, topic: str) -> None:
        """The topic is deleted and made again."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.installation.kafka.bootstrap)
        await admin.start()
        await admin.delete_topics([topic])
        await admin.close()

        async def made() -> bool:
            with suppress(KafkaError):
                await create_topics(self.installation.kafka.bootstrap)
                return True
            return False

        await self.until(made, f"{topic} is there again")

    async def copy_of_the_database(self) -> Path:
        """A cold copy of all that Postgres has; the services only see their sessions cut."""
        postgres = self.installation.postgres
        copy = self.installation.folder / "postgres-copy"
        await asyncio.to_thread(postgres.stop)
        await asyncio.to_thread(_replace, copy, postgres.folder / "data")
        await asyncio.to_thread(postgres.start)
        return copy

    async def restore(self, copy: Path, *, services_running: bool) -> None:
        """Postgres is again as it was, while Kafka went on."""
        postgres, services = self.installation.postgres, list(self.installation.services.values())
        if not services_running:
            await asyncio.gather(*(asyncio.to_thread(one.kill) for one in services))
        await asyncio.to_thread(postgres.kill)
        await asyncio.to_thread(_replace, postgres.folder / "data", copy)
        await asyncio.to_thread(postgres.start)
        if not services_running:
            await asyncio.gather(*(asyncio.to_thread(one.start) for one in services))

    async def reset_offsets(self, service: str, topics: list[str], where: str) -> None:
        """A careless hand: the group's committed offsets go to the beginning or to the end."""
        consumer = AIOKafkaConsumer(
            *topics,
            bootstrap_servers=self.installation.kafka.bootstrap,
            group_id=f"salur.{service}",
            group_instance_id=f"{service}-1",
            enable_auto_commit=False,
            partition_assignment_strategy=(RangePartitionAssignor,),
        )
        await consumer.start()

        async def assigned() -> bool:
            return {place.topic for place in consumer.assignment()} == set(topics)

        await self.until(assigned, f"the group of {service} is taken over")
        places: list[TopicPartition] = list(consumer.assignment())
        ends = await consumer.end_offsets(places)
        await consumer.commit({place: 0 if where == "beginning" else ends[place] for place in places})
        await consumer.stop()

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


def _replace(target: Path, source: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    # Owners too: Postgres runs as a user of its own when root starts it.
    subprocess.run(["/bin/cp", "-a", source, target], check=True)
