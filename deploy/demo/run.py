"""One run of the demo: build up, play, judge, sum up, tear down."""

import asyncio
import json
import re
import shutil
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaProducer
from rich.console import Console

from deploy.demo.audit import books_differ, judge
from deploy.demo.course import Course
from deploy.demo.processes import in_thread, run_verb
from deploy.demo.script import write_script
from deploy.demo.summary import Outcome, machine_summary, show_summary
from deploy.demo.watch import Watcher
from deploy.local.installation import Installation
from deploy.simulation.partner import Manners, Payment, read_ledger
from deploy.simulation.people import STORY_ENDS_AT
from deploy.simulation.seals import Seals
from shared.contracts.topics import PARTNERS

QUICK = {f"{service}_SWEEP_EVERY_SECONDS": "1" for service in ("ENROLLMENT", "COMPLETION", "PAYMENT")}
# Figures on /metrics may be some seconds old.
METRICS_AGREE_WITHIN_SECONDS = 15.0
SETTLED = re.compile(r"^salur_disbursements_rupiah\{([^}]*)\} ([0-9.e+]+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Demo:
    """One run in a folder of its own, with ports of its own. The same seed tells the same story."""

    folder: Path
    people: int
    seed: int
    console: Console

    async def run(self) -> bool:
        """Whether it balanced, with nothing lost, nothing doubled and nothing else wrong. Leaves nothing running."""
        started = time.monotonic()
        shutil.rmtree(self.folder, ignore_errors=True)
        manners = Manners(seed=self.seed, repeats_at_most=3, late_at_most_seconds=0.75)
        installation = Installation(self.folder, settings=QUICK | manners.environment(), progress=self._say)
        installation.set_clock(STORY_ENDS_AT)
        try:
            await in_thread(installation.start)
            await in_thread(installation.start_partners)
            outcome = await self._play(installation, manners, started)
        finally:
            await in_thread(installation.stop)
        (self.folder / "summary.json").write_text(json.dumps(machine_summary(outcome), indent=2) + "\n")
        show_summary(self.console, outcome)
        return outcome.good

    async def _play(self, installation: Installation, manners: Manners, started: float) -> Outcome:
        script = write_script(self.seed, self.people, Seals.load(installation.keys / "programme.jwks.json"))
        watcher = Watcher(installation.kafka.bootstrap)
        async with _watching(watcher), _producer(installation) as producer:
            course = Course(script, installation, producer, watcher, self.console, manners)
            with course.stage:
                await course.run()
        paid = _paid(installation)
        judgement = judge(script.people, watcher.seen, paid, script.parked, time_is_up=True)
        breaches = await in_thread(_verify, installation) + await in_thread(_compare_with_books, installation, paid)
        seconds = time.monotonic() - started
        return Outcome(script, watcher.seen, judgement, breaches, course.faults, self.seed, seconds)

    def _say(self, line: str) -> None:
        self.console.print(f"[dim]  {line}[/]", highlight=False)


@asynccontextmanager
async def _watching(watcher: Watcher) -> AsyncIterator[None]:
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


def _paid(installation: Installation) -> list[Payment]:
    ledgers = installation.folder / "ledgers"
    return [payment for partner in PARTNERS for payment in read_ledger(ledgers / f"{partner}.jsonl")]


def _verify(installation: Installation) -> list[str]:
    """What each service's own checks found, line by line; empty when all hold."""
    breaches = []
    for name, service in installation.services.items():
        done = run_verb(service, "verify")
        if done.returncode:
            breaches.append(f"{name} verify: {done.stdout}{done.stderr}".strip())
    return breaches


def _compare_with_books(installation: Installation, paid: list[Payment]) -> list[str]:
    """The partners' ledgers against what payment shows on /metrics."""
    deadline = time.monotonic() + METRICS_AGREE_WITHIN_SECONDS
    while differences := books_differ(paid, _booked(installation.services["payment"].url)):
        if time.monotonic() > deadline:
            break
        time.sleep(0.5)
    return differences


def _booked(url: str) -> Counter[tuple[str, str]]:
    """Rupiah settled by partner and kind of benefit."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:  # noqa: S310 - our own process
        text = answer.read().decode()
    booked: Counter[tuple[str, str]] = Counter()
    for labels_text, rupiah in SETTLED.findall(text):
        labels = dict(LABEL.findall(labels_text))
        if labels["state"] == "settled":
            booked[(labels["partner"], labels["benefit"].partition("_")[0])] += int(float(rupiah))
    return booked
