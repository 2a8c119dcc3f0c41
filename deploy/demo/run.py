"""The course of the demo: build up, send, break things, wait until all is quiet, judge."""

import asyncio
import json
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka import AIOKafkaProducer
from rich.console import Console

from deploy.demo.audit import Judgement, expected_rights, finished, judge
from deploy.demo.show import Stage, numbers, summary
from deploy.demo.watch import Watcher
from deploy.local.installation import Installation
from deploy.local.paths import ROOT
from deploy.simulation.hostile import hostile_records
from deploy.simulation.partner import Payment, read_ledger
from deploy.simulation.people import LATE_PROVIDER, REFUSED, REJECTED, STORY_ENDS_AT, Fate, Person, cohort
from deploy.simulation.sending import Letter, letter, repeated_and_shuffled, send
from deploy.simulation.story import Sent, story, the_money, the_providers, the_wave
from shared.contracts.sealed import KeyRing
from shared.contracts.topics import PARTNERS

PORTIONS = 30
QUIET_SECONDS = 20.0
STRANGER = "dana"
QUICK = {f"{service}_SWEEP_EVERY_SECONDS": "1" for service in ("ENROLLMENT", "COMPLETION", "PAYMENT")}
MANNERS = {"SALUR_PARTNERS_REPEATS": "3", "SALUR_PARTNERS_LATE_SECONDS": "1.5"}


@dataclass(slots=True)
class Demo:
    """One run in a folder of its own, with ports of its own."""

    folder: Path
    people: int
    seed: int
    console: Console
    faults: list[str] = field(default_factory=list)
    sent: int = 0
    hostile: Counter[str] = field(default_factory=Counter)

    async def run(self) -> bool:
        """Whether it balanced, with nothing lost, nothing doubled and nothing else wrong."""
        shutil.rmtree(self.folder, ignore_errors=True)
        installation = Installation(self.folder, settings=QUICK | MANNERS, progress=self._say)
        try:
            installation.set_clock(STORY_ENDS_AT)
            await asyncio.to_thread(installation.start)
            await asyncio.to_thread(installation.start_partners)
            return await self._play(installation)
        finally:
            await asyncio.shield(asyncio.to_thread(installation.stop))

    async def _play(self, installation: Installation) -> bool:
        started = time.monotonic()
        keys = KeyRing.load(installation.keys / "programme.jwks.json")
        people = cohort(self.seed, self.people)
        watcher = Watcher(installation.kafka.bootstrap)
        early, late = self._letters(people, keys)
        with Stage(self.console, self._totals(people, len(early) + len(late))) as stage:
            async with _running(watcher), _producer(installation) as producer:
                await self._send_early(installation, producer, early, stage, watcher)
                await self._send_late(installation, producer, late, stage, watcher)
                await self._until_quiet(people, stage, watcher)
        seen = watcher.seen
        judgement = judge(people, seen, _paid(installation), self.hostile)
        breaches = await asyncio.to_thread(_verify, installation)
        for breach in breaches:
            self._say(breach)
        result = self._result(people, watcher, judgement, balanced=not breaches, seconds=time.monotonic() - started)
        (self.folder / "summary.json").write_text(json.dumps(result, indent=2) + "\n")
        summary(self.console, result, seen, judgement, self.faults)
        return not (breaches or judgement.doubles or judgement.losses or judgement.wrongs)

    def _letters(self, people: Sequence[Person], keys: KeyRing) -> tuple[list[Letter], list[Letter]]:
        """Two heaps, each mixed up: what comes first, and what refers to it or must find it there."""
        late_people = [person for person in people if person.fate is Fate.SAME_NIK]
        first = [event for person in people if person not in late_people for event in story(person, keys)]
        providers = list(the_providers(keys))
        budget = self.people * 3_500_000
        early: list[Sent] = [
            the_wave(self.people),
            *(provider for provider in providers if provider.key != LATE_PROVIDER),
            the_money("training", budget // 5, "SP2D-23-0001"),
            the_money("incentive", self.people * 200_000, "SP2D-23-0002"),
            *first,
        ]
        late: list[Sent] = [
            *(provider for provider in providers if provider.key == LATE_PROVIDER),
            the_money("training", budget, "SP2D-23-0003"),
            the_money("incentive", self.people * 600_000, "SP2D-23-0004"),
            *(event for person in late_people for event in story(person, keys)),
        ]
        hostile = list(hostile_records(list(people), keys))
        self.hostile.update(reason for reason, _ in hostile)
        self._expect_partners_wrongs(people)
        late_letters = repeated_and_shuffled(late, self.seed + 1) + [record for _, record in hostile]
        return repeated_and_shuffled(early, self.seed), late_letters

    def _expect_partners_wrongs(self, people: Sequence[Person]) -> None:
        paid = [person for person in people if person.rates]
        self.hostile["amount_mismatch"] += sum(1 for person in paid if person.fate is Fate.WRONG_AMOUNT_FIRST)
        self.hostile["contradicts_final"] += sum(1 for person in paid if person.fate is Fate.REJECTED_AFTERWARDS)
        self.hostile["unknown_reference"] += 1

    def _totals(self, people: Sequence[Person], letters: int) -> dict[str, int]:
        rights = expected_rights(people)
        settled = Counter(benefit for (_, benefit), must in rights.items() if must.state == "settled")
        completed = sum(person.completes for person in people)
        return {
            "events sent": letters,
            "admitted": sum(person.fate not in REFUSED for person in people),
            "enrolled": sum(person.fate not in REFUSED | REJECTED for person in people),
            "completed": completed,
            "fees settled": settled["fee"],
            "incentives settled": settled["incentive_1"],
        }

    async def _send_early(
        self,
        installation: Installation,
        producer: AIOKafkaProducer,
        letters: list[Letter],
        stage: Stage,
        watcher: Watcher,
    ) -> None:
        troubles = {
            PORTIONS // 4: self._stranger,
            PORTIONS // 2: self._kill_payment,
            PORTIONS * 3 // 4: self._restart_kafka,
        }
        size = -(-len(letters) // PORTIONS)
        for portion in range(PORTIONS):
            if portion in troubles:
                await troubles[portion](installation, producer, stage)
            part = letters[portion * size : (portion + 1) * size]
            await send(producer, part)
            self.sent += len(part)
            stage.show(numbers(watcher.seen, self.sent))

    async def _send_late(
        self,
        installation: Installation,
        producer: AIOKafkaProducer,
        letters: list[Letter],
        stage: Stage,
        watcher: Watcher,
    ) -> None:
        """Once the ordinary stories have been understood: what conflicts with them, and what cures them."""
        await _until(
            lambda: len(watcher.seen.completed) > self.people // 2 and watcher.seen.parked["unknown_reference"] > 0
        )
        stage.say(f"the treasury tops up, {LATE_PROVIDER} registers at last, hostile records come")
        await send(producer, letters)
        self.sent += len(letters)
        stage.say(f"an operator has compared {STRANGER}'s statement and resumes it")
        who = [
            "--partner",
            STRANGER,
            "--who",
            "demo",
            "--why",
            "statement compared: a report for a reference of nobody",
        ]
        await asyncio.to_thread(_run, installation, "payment", "resume", *who)

    async def _until_quiet(self, people: Sequence[Person], stage: Stage, watcher: Watcher) -> None:
        """Everything that must come has come and nothing more comes, or nothing has come for a while."""
        news, since = -1, time.monotonic()
        while time.monotonic() - since < QUIET_SECONDS:
            if watcher.seen.news != news:
                news, since = watcher.seen.news, time.monotonic()
            stage.show(numbers(watcher.seen, self.sent))
            if finished(people, watcher.seen) and not self.hostile - watcher.seen.parked:
                break
            await asyncio.sleep(0.3)
        # What nobody waits for, such as a second payment, would have to come now.
        await asyncio.sleep(3)
        stage.show(numbers(watcher.seen, self.sent))

    async def _stranger(self, installation: Installation, producer: AIOKafkaProducer, stage: Stage) -> None:
        del installation
        self._fault(stage, f"{STRANGER} reports a payment under a reference that nobody gave: {STRANGER} is halted")
        data = {
            "reference": "0ZZZZZZZZZZZZZZZ",
            "status": "settled",
            "amount": {"value": 600_000, "currency": "IDR"},
            "reason": None,
            "partner_reference": "stranger",
            "reported_at": STORY_ENDS_AT.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        kind = "salur.partner.disbursement_reported.v1"
        report = Sent(f"disbursement-reports.{STRANGER}", "/partners/x", kind, "0ZZZZZZZZZZZZZZZ", data, STORY_ENDS_AT)
        await send(producer, [letter(report)])

    async def _kill_payment(self, installation: Installation, producer: AIOKafkaProducer, stage: Stage) -> None:
        del producer
        self._fault(stage, "payment is killed with SIGKILL and started again")
        service = installation.services["payment"]
        await asyncio.to_thread(service.kill)
        await asyncio.to_thread(service.launch)

    async def _restart_kafka(self, installation: Installation, producer: AIOKafkaProducer, stage: Stage) -> None:
        del producer
        self._fault(stage, "the Kafka broker is restarted")
        await asyncio.to_thread(installation.kafka.restart)

    def _fault(self, stage: Stage, line: str) -> None:
        self.faults.append(line)
        stage.say(f"[yellow]trouble:[/] {line}")

    def _say(self, line: str) -> None:
        self.console.print(line, highlight=False)

    def _result(
        self, people: Sequence[Person], watcher: Watcher, judgement: Judgement, *, balanced: bool, seconds: float
    ) -> dict[str, object]:
        seen = watcher.seen
        result: dict[str, object] = {"participants": len(people), "completed": len(seen.completed)}
        for benefit in ("fee", "incentive_1"):
            settled = [right for right, state in seen.states.items() if right[1] == benefit and state == "settled"]
            result[benefit] = {
                "instructed": sum(1 for right in set(seen.references.values()) if right[1] == benefit),
                "settled": len(settled),
                "held": seen.count(benefit, "held"),
                "forfeited": seen.count(benefit, "forfeited"),
                "amount_settled": sum(seen.amounts[right] for right in settled),
            }
        return result | {
            "parked": dict(sorted(seen.parked.items())),
            "doubles": judgement.doubles,
            "losses": judgement.losses,
            "wrongs": list(judgement.wrongs),
            "balanced": balanced,
            "faults": [*self.faults, "every event sent one to three times, shuffled", "hostile records mixed in"],
            "seed": self.seed,
            "seconds": round(seconds, 1),
        }


@asynccontextmanager
async def _running(watcher: Watcher) -> AsyncIterator[None]:
    watching = asyncio.create_task(watcher.run())
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


@asynccontextmanager
async def _producer(installation: Installation) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=installation.kafka.bootstrap, acks="all", enable_idempotence=True, max_batch_size=1 << 20
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def _until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Waits, but not for ever: what did not come is for the judge to say."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - a condition outside this process
                await asyncio.sleep(0.2)


def _paid(installation: Installation) -> list[Payment]:
    ledgers = installation.folder / "ledgers"
    return [payment for partner in PARTNERS for payment in read_ledger(ledgers / f"{partner}.jsonl")]


def _verify(installation: Installation) -> list[str]:
    """What each service's own checks found, line by line; empty when all hold."""
    breaches = []
    for name in installation.services:
        done = _run(installation, name, "verify")
        if done.returncode:
            breaches.append(f"{name} verify: {done.stdout}{done.stderr}")
    return breaches


def _run(installation: Installation, service: str, *verb: str) -> "subprocess.CompletedProcess[str]":
    one = installation.services[service]
    return subprocess.run(
        one.command(*verb), cwd=ROOT, env=dict(one.environment), capture_output=True, text=True, check=False
    )
