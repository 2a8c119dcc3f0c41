"""One load run: pack journeys, send them as fast as earlier ones finish, and watch until the last is settled."""

import asyncio
import gc
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from asyncpg import Connection

from deploy.local.processes import Process
from deploy.simulation.load import PORTION, Portion, prepare, send_portions
from deploy.simulation.people import Person
from shared.contracts.topics import SERVICES
from shared.runtime.invariant_monitor import FIRST_AFTER_SECONDS
from tests.benchmarks.harness import BenchmarkHarness, Result, print_line
from tests.benchmarks.meter import Reading, process_tree, processes_of, read_meters, resident_megabytes

STUCK_AFTER_SECONDS = 60.0
LOOK_EVERY_SECONDS = 0.05
SHOW_EVERY_SECONDS = 2.0
# Journeys in flight. Three quarters of them are people who still learn; the rest is what the services work on. Fewer
# would make small batches.
IN_FLIGHT = 10_000
QUIET_SHARE, QUIET_SECONDS = 0.05, 3.0
CHECKING_AFTER_SECONDS = 2 * FIRST_AFTER_SECONDS
SETTLED = "select coalesce(sum(disbursements), 0)::bigint from payment.tally where state = 'settled'"


@dataclass(frozen=True, slots=True)
class LoadRun:
    """One run: its journeys and seconds, the meters before and after, and the memory at its end."""

    journeys: int
    seconds: float
    before: Reading
    after: Reading
    resident_mb: Mapping[str, float]

    @property
    def per_second(self) -> float:
        return round(self.journeys / self.seconds, 1)

    def per_journey(self, before: float, after: float) -> float:
        return round((after - before) / self.journeys, 1)

    @property
    def cpu_us(self) -> dict[str, float]:
        spent = self.after.cpu_seconds
        return {name: self.per_journey(self.before.cpu_seconds[name] * 1e6, spent[name] * 1e6) for name in spent}

    def figures(self) -> Result:
        return {
            "journeys": self.journeys,
            "seconds": round(self.seconds, 3),
            "journeys_per_second": self.per_second,
            "cpu_us_per_journey": self.cpu_us,
            "rss_mb": dict(self.resident_mb),
            "wal_bytes_per_journey": self.per_journey(self.before.wal_bytes, self.after.wal_bytes),
            "disk_bytes_per_journey": self.per_journey(self.before.disk_bytes, self.after.disk_bytes),
        }


@dataclass(frozen=True, slots=True)
class LoadTarget:
    """Target of a run: processes to meter, and in `settled` a query for the number of settled disbursements."""

    processes: Mapping[str, Process]
    settled: str = SETTLED
    portion: int = PORTION
    in_flight: int = IN_FLIGHT


async def run_load(harness: BenchmarkHarness, target: LoadTarget, people: list[Person], label: str) -> LoadRun:
    """Run the journeys of these people; raise TimeoutError when none finishes for a minute."""
    portions = await pack_portions(harness, people, target.portion, label)
    progress = Progress(harness.connection, target.settled, label)
    before = await read_meters(target.processes, harness.connection)
    await progress.start()
    started = time.monotonic()
    sending = asyncio.create_task(
        send_portions(harness.producer, portions, done=lambda: progress.journeys, in_flight=target.in_flight)
    )
    try:
        await progress.until(len(people))
        seconds = time.monotonic() - started
    finally:
        sending.cancel()
    after = await read_meters(target.processes, harness.connection)
    done = LoadRun(len(people), seconds, before, after, resident_megabytes(target.processes))
    print_line(f"\r  {label}: {done.per_second:,} journeys/s, cpu us per journey {done.cpu_us}")
    return done


async def wait_until_checking(harness: BenchmarkHarness) -> None:
    """Wait until the services check their invariants, some time after their start."""
    started = time.monotonic()
    while not _checking(harness):
        if time.monotonic() - started > CHECKING_AFTER_SECONDS:
            raise TimeoutError("no service has begun to check its invariants")
        print_line(f"\r  waiting for the checks: {time.monotonic() - started:.0f} s ", end="")
        await asyncio.sleep(LOOK_EVERY_SECONDS)


async def wait_until_idle(harness: BenchmarkHarness) -> float:
    """Wait until the services have nothing to do and check nothing; return the seconds it took."""
    started = time.monotonic()
    processes = {name: one for name, one in processes_of(harness.installation).items() if name in SERVICES}
    while True:
        before = await read_meters(processes, harness.connection)
        await asyncio.sleep(QUIET_SECONDS)
        after = await read_meters(processes, harness.connection)
        print_line(f"\r  waiting for quiet: {time.monotonic() - started:.0f} s ", end="")
        spent = sum(after.cpu_seconds.values()) - sum(before.cpu_seconds.values())
        if spent < QUIET_SHARE * QUIET_SECONDS * len(processes) and not _checking(harness):
            return round(time.monotonic() - started, 1)


def _checking(harness: BenchmarkHarness) -> bool:
    """Tell whether a service checks its invariants, for which it starts its only child process."""
    processes = processes_of(harness.installation)
    return any(len(process_tree(processes[name])) > 1 for name in SERVICES)


async def pack_portions(harness: BenchmarkHarness, people: list[Person], portion: int, label: str) -> list[Portion]:
    """Pack all records before the measurement begins."""
    portions: list[Portion] = []
    for one in prepare(harness.producer, harness.keys, people, portion=portion):
        portions.append(one)
        print_line(f"\r  {label}: packed {sum(len(p.people) for p in portions):,}", end="")
        await asyncio.sleep(0)
    # Keeps the garbage collector from scanning all these records during the measurement.
    gc.freeze()
    return portions


@dataclass(slots=True)
class Progress:
    """Number of finished journeys: two more disbursements settled for each."""

    connection: Connection
    settled: str
    label: str
    journeys: int = 0
    _already: int = field(default=0, init=False)
    _shown_at: float = field(default=0.0, init=False)

    async def start(self) -> None:
        self._already = await self.connection.fetchval(self.settled)

    async def until(self, wanted: int) -> None:
        """Wait for so many journeys; raise TimeoutError when none finishes for a minute."""
        last, since = -1, time.monotonic()
        while self.journeys < wanted:
            self.journeys = (await self.connection.fetchval(self.settled) - self._already) // 2
            if self.journeys != last:
                last, since = self.journeys, time.monotonic()
            if time.monotonic() - since > STUCK_AFTER_SECONDS:
                raise TimeoutError(f"stuck at {self.journeys} of {wanted} journeys")
            self._show(wanted)
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    def _show(self, wanted: int) -> None:
        if time.monotonic() - self._shown_at > SHOW_EVERY_SECONDS:
            self._shown_at = time.monotonic()
            print_line(f"\r  {self.label}: {self.journeys:,} of {wanted:,} journeys ", end="")
