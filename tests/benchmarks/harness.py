"""Harness of benchmarks: an installation of their own, its load, its checks and the file of figures."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import asyncpg
from aiokafka import AIOKafkaProducer
from asyncpg import Connection

from deploy.local.installation import Installation
from deploy.local.paths import VAR
from deploy.simulation.load import open_programme
from deploy.simulation.partner import PartnerBehaviour, Payment, read_ledger
from deploy.simulation.people import TIMELINE_ENDS_AT, Person
from deploy.simulation.scheme import INCENTIVE
from deploy.simulation.seals import Seals
from shared.contracts.topics import PARTNERS
from tests.benchmarks.meter import versions

STOPPED = 130
Result = dict[str, Any]


def number_of(name: str, default: int) -> int:
    """Return a number that the environment may set."""
    return int(os.environ.get(name, default))


# By default partners report only the final status, which is all that a journey needs.
ACCEPTED = bool(number_of("ACCEPTED", 0))


@dataclass(frozen=True, slots=True)
class BenchmarkHarness:
    """A running installation, a superuser's connection to its database, and a producer."""

    installation: Installation
    connection: Connection
    producer: AIOKafkaProducer
    keys: Seals
    seed: int

    async def open_programme(self, people: int) -> None:
        """Send the wave, the providers, and enough money for so many people."""
        await open_programme(self.producer, self.keys, people, self.seed)

    async def describe_environment(self) -> Result:
        """Return the conditions that figures depend on, besides the code."""
        return {
            "cores": os.cpu_count(),
            "versions": await versions(self.connection),
            "fsync": await self.connection.fetchval("show fsync"),
            "synchronous_commit": await self.connection.fetchval("show synchronous_commit"),
            "seed": self.seed,
            "partners_accept_first": ACCEPTED,
        }

    async def restart_services(self, settings: Mapping[str, str] | None = None) -> None:
        """Restart one service after the other, with these settings added."""
        for service in self.installation.services.values():
            service.environment.update(settings or {})
            await asyncio.to_thread(service.restart)

    async def stop_services(self) -> None:
        for service in self.installation.services.values():
            await asyncio.to_thread(service.stop)

    async def verify(self) -> list[str]:
        """Return the findings of each service's `verify`."""
        return await asyncio.to_thread(self.installation.verify)

    def ledgers(self) -> list[Payment]:
        """Return all payments of the partners' ledgers."""
        folder = self.installation.folder / "ledgers"
        return [payment for partner in PARTNERS for payment in read_ledger(folder / f"{partner}.jsonl")]


def differences(paid: Sequence[Payment], people: Sequence[Person]) -> list[str]:
    """Compare the partners' payments with what these people and their providers are due."""
    fees = Counter(payment.amount for payment in paid if payment.benefit == "fee")
    incentives = Counter((payment.account, payment.amount) for payment in paid if payment.benefit == "incentive")
    found = []
    if fees != Counter(person.price for person in people):
        found.append("the fees paid are not the prices of the trainings")
    if incentives != Counter((person.account, INCENTIVE) for person in people):
        found.append("the incentives paid are not one to each person")
    return found


def benchmark(name: str, measure: Callable[[BenchmarkHarness], Awaitable[Result]]) -> int:
    """Run a benchmark in an installation of its own; return exit code 0 if all invariants hold.

    A missed goal is printed and fails nothing. Ctrl-C and SIGTERM stop everything that was started.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with tempfile.TemporaryDirectory(prefix="salur-bench-") as folder:
            behaviour = PartnerBehaviour(accepts=ACCEPTED)
            installation = Installation(Path(folder), settings=behaviour.environment(), progress=print_line)
            installation.set_clock(TIMELINE_ENDS_AT)
            with installation:
                installation.start_partners()
                result = asyncio.run(_measure(installation, measure))
    except KeyboardInterrupt:
        print_line("stopped; nothing was measured")
        return STOPPED
    write_result(name, result)
    return 0 if result["invariants_hold"] else 1


def write_result(name: str, result: Result) -> None:
    target = VAR / "bench" / f"{name}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=2) + "\n")
    print_line(f"figures: {target}")


def print_line(line: str, end: str = "\n") -> None:
    sys.stdout.write(f"{line}{end}")
    sys.stdout.flush()


async def _measure(installation: Installation, measure: Callable[[BenchmarkHarness], Awaitable[Result]]) -> Result:
    async with _harness(installation) as harness:
        return await measure(harness)


@asynccontextmanager
async def _harness(installation: Installation) -> AsyncIterator[BenchmarkHarness]:
    connection = await asyncpg.connect(installation.postgres_url)
    producer = AIOKafkaProducer(
        bootstrap_servers=installation.kafka.bootstrap, acks="all", enable_idempotence=True, max_batch_size=1 << 20
    )
    await producer.start()
    try:
        seals = Seals.load(installation.keys / "programme.jwks.json")
        yield BenchmarkHarness(installation, connection, producer, seals, number_of("SEED", 7))
    finally:
        await producer.stop()
        await connection.close()


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
