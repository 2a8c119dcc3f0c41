"""One run of the demo: start, play, audit, summarize, stop."""

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
from datetime import datetime
from pathlib import Path

from aiokafka import AIOKafkaProducer
from rich.console import Console

from deploy.demo.audit import Fund, audit, compare_ledgers, compare_returns
from deploy.demo.books import check_books
from deploy.demo.observer import Observed, TopicObserver
from deploy.demo.plan import LEAPS, DemoPlan, make_plan
from deploy.demo.processes import in_thread
from deploy.demo.scenario import DemoScenario
from deploy.demo.statements import compare_breaks, second_payments
from deploy.demo.summary import DemoResult, machine_summary, show_summary
from deploy.local.installation import Installation
from deploy.local.keys import tokens_in
from deploy.local.services import in_every_service
from deploy.simulation.partner import PartnerBehaviour, Payment, read_ledger
from deploy.simulation.people import TIMELINE_ENDS_AT
from deploy.simulation.seals import Seals
from shared.contracts.topics import PARTNERS

# Kafka's topics do not age when the programme's clock leaps; what is kept beside them must not either.
SETTINGS = (
    in_every_service("SWEEP_EVERY_SECONDS", "1")
    | in_every_service("PAGE_RETENTION_DAYS", "365")
    | {"PAYMENT_ANSWER_WITHIN_SECONDS": "10"}
)
# Seconds that the figures on /metrics may lag behind.
METRICS_AGREE_WITHIN_SECONDS = 15.0
RETURNED_WITHIN_SECONDS = 15.0
SETTLED = re.compile(r"^salur_disbursements_rupiah\{([^}]*)\} ([0-9.e+]+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Demo:
    """A run in a folder and on ports of its own; equal seeds play the same events."""

    folder: Path
    people: int
    seed: int
    console: Console

    async def run(self) -> bool:
        """Run the demo and tell whether it passed; leave no process running."""
        started = time.monotonic()
        shutil.rmtree(self.folder, ignore_errors=True)
        behaviour = PartnerBehaviour(seed=self.seed, repeats_at_most=3, late_at_most_seconds=0.75)
        installation = Installation(self.folder, settings=SETTINGS | behaviour.environment(), progress=self._print_line)
        installation.set_clock(TIMELINE_ENDS_AT)
        try:
            await in_thread(installation.start)
            await in_thread(installation.start_partners)
            result = await self._run_scenario(installation, behaviour, started)
        finally:
            await in_thread(installation.stop)
        (self.folder / "summary.json").write_text(json.dumps(machine_summary(result), indent=2) + "\n")
        show_summary(self.console, result)
        return result.passed

    async def _run_scenario(
        self, installation: Installation, behaviour: PartnerBehaviour, started: float
    ) -> DemoResult:
        plan = make_plan(self.seed, self.people, Seals.load(installation.keys / "programme.jwks.json"))
        observer = TopicObserver(installation.kafka.bootstrap)
        async with _observing(observer), _producer(installation) as producer:
            scenario = DemoScenario(plan, installation, producer, observer, self.console, behaviour)
            with scenario.progress:
                await scenario.run()
        paid = _paid(installation)
        audit_result = audit(plan.people, observer.seen, paid, plan.parked, LEAPS[-1])
        url, token = installation.services["payment"].url, tokens_in(installation.keys)["viewer"]
        returned = await in_thread(_returned_rupiah, url, token, plan, observer.seen)
        breaches = await in_thread(installation.verify) + await in_thread(_compare_with_ledgers, url, paid)
        breaches += compare_returns(plan.unspent(observer.seen), returned)
        breaches += compare_breaks(scenario.breaks, second_payments(installation))
        books = await in_thread(check_books, installation)
        breaches += [f"{check.program} refuses the ledger: {check.fault}" for check in books if check.fault]
        seconds = time.monotonic() - started
        return DemoResult(
            plan,
            observer.seen,
            audit_result,
            returned,
            breaches,
            scenario.faults,
            scenario.breaks,
            [check.program for check in books],
            self.seed,
            seconds,
        )

    def _print_line(self, line: str) -> None:
        self.console.print(f"[dim]  {line}[/]", highlight=False, soft_wrap=True)


@asynccontextmanager
async def _observing(observer: TopicObserver) -> AsyncIterator[None]:
    observing = asyncio.create_task(observer.run())
    try:
        yield
    finally:
        observing.cancel()
        with suppress(asyncio.CancelledError):
            await observing


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
    """Return what the partners have paid; what one has paid twice by itself, once."""
    ledgers = installation.folder / "ledgers"
    return [
        payment for partner in PARTNERS for payment in read_ledger(ledgers / f"{partner}.jsonl") if payment.number == 1
    ]


def _returned_rupiah(url: str, token: str, plan: DemoPlan, seen: Observed) -> dict[Fund, int]:
    """Return what funds past their cut-off gave back to the treasury; allow them some seconds to give all of it."""
    deadline = time.monotonic() + RETURNED_WITHIN_SECONDS
    returned = _returned_by_now(url, token)
    while compare_returns(plan.unspent(seen), returned) and time.monotonic() < deadline:
        time.sleep(0.5)
        returned = _returned_by_now(url, token)
    return returned


def _returned_by_now(url: str, token: str) -> dict[Fund, int]:
    asked = urllib.request.Request(f"{url}/funds", headers={"Authorization": f"Bearer {token}"})  # noqa: S310
    with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310 - our own process
        funds = json.load(answer)["funds"]
    past = [fund for fund in funds if fund["cut_off_at"] and datetime.fromisoformat(fund["cut_off_at"]) <= LEAPS[-1]]
    return {(fund["wave"], fund["component"]): fund["returned"] for fund in past}


def _compare_with_ledgers(url: str, paid: list[Payment]) -> list[str]:
    """Compare the partners' ledgers with payment's metrics; allow the metrics some seconds to catch up."""
    deadline = time.monotonic() + METRICS_AGREE_WITHIN_SECONDS
    while differences := compare_ledgers(paid, _settled_rupiah(url)):
        if time.monotonic() > deadline:
            break
        time.sleep(0.5)
    return differences


def _settled_rupiah(url: str) -> Counter[tuple[str, str]]:
    """Return the settled rupiah by partner and kind of benefit."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:  # noqa: S310 - our own process
        text = answer.read().decode()
    settled: Counter[tuple[str, str]] = Counter()
    for labels_text, rupiah in SETTLED.findall(text):
        labels = dict(LABEL.findall(labels_text))
        if labels["state"] == "settled":
            settled[(labels["partner"], labels["benefit"].partition("_")[0])] += int(float(rupiah))
    return settled
