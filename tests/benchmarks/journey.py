"""How many whole journeys a second: `python -m tests.benchmarks.journey`; JOURNEYS, RUNS and SEED can be set.

A journey is whole when fee and incentive are both settled by a partner's report. Load generator and simulated partners
run on the same machine as everything else. A figure counts only if the invariants hold at the end.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer
from asyncpg import Connection

from deploy.local.installation import Installation
from deploy.local.paths import ROOT, VAR
from deploy.simulation.load import journeys, open_the_programme, pour, prepare
from deploy.simulation.partner import read_ledger
from deploy.simulation.people import STORY_ENDS_AT, Person
from deploy.simulation.seals import Seals
from shared.contracts.topics import PARTNERS
from tests.benchmarks.meter import Reading, read_meters, resident_megabytes, versions

INCENTIVE = 600_000
STUCK_AFTER_SECONDS = 60.0
# Journeys begun and not yet whole: as much as keeps everybody busy, and no more than the system has to hold anyway.
IN_FLIGHT = 4000
SETTLED = "select coalesce(sum(disbursements), 0)::bigint from payment.tally where state = 'settled'"
# The simulated partners stand beside the system: their cost is shown in each run and is not part of the figure.
SYSTEM = ("enrollment", "completion", "payment", "kafka", "postgres")


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its journeys, its seconds, and the meters before and after."""

    journeys: int
    seconds: float
    before: Reading
    after: Reading

    @property
    def per_second(self) -> float:
        return round(self.journeys / self.seconds, 1)

    def per_journey(self, before: float, after: float) -> float:
        return round((after - before) / self.journeys, 1)

    @property
    def cpu_us(self) -> dict[str, float]:
        spent = self.after.cpu_seconds
        return {name: self.per_journey(self.before.cpu_seconds[name] * 1e6, spent[name] * 1e6) for name in spent}

    def figures(self) -> dict[str, Any]:
        return {
            "journeys": self.journeys,
            "seconds": round(self.seconds, 3),
            "journeys_per_second": self.per_second,
            "cpu_us_per_journey": self.cpu_us,
            "wal_bytes_per_journey": self.per_journey(self.before.wal_bytes, self.after.wal_bytes),
            "disk_bytes_per_journey": self.per_journey(self.before.disk_bytes, self.after.disk_bytes),
        }


async def measure(installation: Installation, count: int, runs: int, seed: int) -> dict[str, Any]:
    """All runs, one after the other in the same installation, and what came of them."""
    keys = Seals.load(installation.keys / "programme.jwks.json")
    connection = await asyncpg.connect(installation.postgres_url)
    producer = AIOKafkaProducer(
        bootstrap_servers=installation.kafka.bootstrap, acks="all", enable_idempotence=True, max_batch_size=1 << 20
    )
    await producer.start()
    try:
        await open_the_programme(producer, keys, count * runs, seed)
        everybody: list[Person] = []
        done = []
        for number in range(runs):
            people = journeys(seed, count, first_number=number * count)
            everybody += people
            done.append(await _run(installation, connection, producer, keys, people))
            _say(f"  run {number + 1}: {done[-1].per_second:,} journeys/s, cpu us {done[-1].cpu_us}")
        resident = resident_megabytes(installation)
        breaches = [*_verify(installation), *_ledgers_differ(installation, everybody)]
        return _result(done, resident, await versions(connection), breaches, seed)
    finally:
        await producer.stop()
        await connection.close()


async def _run(
    installation: Installation, connection: Connection, producer: AIOKafkaProducer, keys: Seals, people: list[Person]
) -> Run:
    portions = list(prepare(producer, keys, people))
    progress = Progress(connection, await connection.fetchval(SETTLED))
    before = await read_meters(installation, connection)
    started = time.monotonic()
    pouring = asyncio.create_task(pour(producer, portions, done=lambda: progress.journeys, in_flight=IN_FLIGHT))
    await progress.until(len(people))
    seconds = time.monotonic() - started
    await pouring
    return Run(len(people), seconds, before, await read_meters(installation, connection))


@dataclass(slots=True)
class Progress:
    """How many journeys are whole: two disbursements each, beyond those that were `already` settled."""

    connection: Connection
    already: int
    journeys: int = 0

    async def until(self, wanted: int) -> None:
        """Raises TimeoutError when nothing more becomes whole for a minute."""
        last, since = -1, time.monotonic()
        while self.journeys < wanted:
            self.journeys = (await self.connection.fetchval(SETTLED) - self.already) // 2
            if self.journeys != last:
                last, since = self.journeys, time.monotonic()
            if time.monotonic() - since > STUCK_AFTER_SECONDS:
                raise TimeoutError(f"stuck at {self.journeys} of {wanted} journeys")
            await asyncio.sleep(0.05)


def _verify(installation: Installation) -> list[str]:
    """What each service's own checks found."""
    breaches = []
    for service in installation.services.values():
        done = subprocess.run(
            service.command("verify"), cwd=ROOT, env=service.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            breaches.append(f"{service.name}: {done.stdout}{done.stderr}")
    return breaches


def _ledgers_differ(installation: Installation, people: Sequence[Person]) -> list[str]:
    """What the partners paid, against what these people and their providers had to get."""
    folder = installation.folder / "ledgers"
    paid = [payment for partner in PARTNERS for payment in read_ledger(folder / f"{partner}.jsonl")]
    fees = Counter(payment.amount for payment in paid if payment.benefit == "fee")
    incentives = Counter((payment.account, payment.amount) for payment in paid if payment.benefit == "incentive")
    found = []
    if fees != Counter(person.price for person in people):
        found.append("the fees paid are not the prices of the trainings")
    if incentives != Counter((person.account, INCENTIVE) for person in people):
        found.append("the incentives paid are not one to each person")
    return found


def _result(
    runs: Sequence[Run], resident: dict[str, float], used: dict[str, str], breaches: list[str], seed: int
) -> dict[str, Any]:
    figures = [run.figures() for run in runs]
    cpu = {name: round(median(run.cpu_us[name] for run in runs), 1) for name in SYSTEM}
    return {
        "journeys": sum(run.journeys for run in runs),
        "journeys_per_second": median(run.per_second for run in runs),
        "runs": figures,
        "cores": os.cpu_count(),
        "versions": used,
        "seed": seed,
        "cpu_us_per_journey": cpu,
        "rss_mb": {name: resident[name] for name in SYSTEM},
        "wal_bytes_per_journey": median(one["wal_bytes_per_journey"] for one in figures),
        "disk_bytes_per_journey": median(one["disk_bytes_per_journey"] for one in figures),
        "invariants_hold": not breaches,
        "breaches": breaches,
    }


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    count, runs, seed = (int(os.environ.get(name, text)) for name, text in DEFAULTS.items())
    with tempfile.TemporaryDirectory(prefix="salur-bench-") as folder:
        installation = Installation(Path(folder), progress=_say)
        installation.set_clock(STORY_ENDS_AT)
        with installation:
            installation.start_partners()
            result = asyncio.run(measure(installation, count, runs, seed))
    target = VAR / "bench" / "journey.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=2) + "\n")
    _say(json.dumps({name: value for name, value in result.items() if name != "runs"}, indent=2))
    return 0 if result["invariants_hold"] else 1


DEFAULTS = {"JOURNEYS": "20000", "RUNS": "3", "SEED": "7"}

if __name__ == "__main__":
    sys.exit(main())
