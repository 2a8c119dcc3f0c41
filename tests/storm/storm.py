"""Storm: load on a real installation, faults by a schedule, then repair and drain."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncpg
from aiokafka import AIOKafkaProducer

from deploy.local.processes import Process
from deploy.local.services import ServiceReplica
from deploy.simulation.delivery import OutgoingRecord, repeat_and_shuffle, send
from deploy.simulation.people import Persona, cohort
from deploy.simulation.timeline import timeline
from shared.contracts.topics import TOPICS
from tests.faults.world import PATIENCE_MS, FaultWorld
from tests.storm.schedule import EXTRA_REPLICAS, FaultKind, PlannedFault

PEOPLE_A_SECOND = 8
# A fault that takes longer has failed itself.
ACTION_TIMEOUT_SECONDS = 150.0
RECORDS_KEPT = 2000
RECORDS_REPEATED = 100
ABORTED_PEOPLE_FROM = 900_000
ABORTED_AT_ONCE = 5
CUT = "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1"
READ_BY = {
    "enrollment": ["programme.registry", "enrollment.requests", "training.purchases", "completion.events"],
    "completion": ["enrollment.events", "training.attendance", "training.evidence"],
    "payment": ["enrollment.events", "completion.events", "treasury.funding", "programme.registry"]
    + [topic.name for topic in TOPICS if topic.name.startswith("disbursement-reports.")],
}


@dataclass
class Storm:
    """One storm on a world; `faults` counts the injected faults, `trouble` lists faults that failed to be injected."""

    world: FaultWorld
    seed: int
    show_status: Callable[[str], None]
    faults: Counter[str] = field(default_factory=Counter)
    trouble: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rng = random.Random(f"load-{self.seed}")
        self._recent: list[OutgoingRecord] = []
        self._aborted_people = 0
        self._extra: dict[str, ServiceReplica] = {}
        self._actions: dict[FaultKind, Callable[[PlannedFault], Awaitable[None]]] = {
            FaultKind.KILL: self._restart,
            FaultKind.STOP: self._restart,
            FaultKind.FREEZE: self._freeze_service,
            FaultKind.ZOMBIE: self._zombie,
            FaultKind.CUT_SESSIONS: self._cut_sessions,
            FaultKind.JOIN: self._join,
            FaultKind.LEAVE: self._leave,
            FaultKind.RESET_OFFSETS: self._reset_offsets,
            FaultKind.KILL_BROKER: self._kill_broker,
            FaultKind.FREEZE_BROKER: self._freeze_broker,
            FaultKind.KILL_DATABASE: self._restart_database,
            FaultKind.STOP_DATABASE: self._restart_database,
            FaultKind.REPEATS: self._repeat,
            FaultKind.POISON: self._poison,
            FaultKind.TAKEN_BACK: self._abort_transaction,
            FaultKind.RESTORE_SCHEMA: self._restore_schema,
            FaultKind.CONTRADICTION: self._send_contradictions,
            FaultKind.BOMB: self._bomb,
        }
        # One fault per target at a time: the next waits until the target is repaired.
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def run(self, faults: Sequence[PlannedFault], seconds: float) -> None:
        """Run the schedule to its end, with new people all the time, and repair every target."""
        await self.world.send(self.world.one_of_each_records())
        await self._weather(faults, self._load(seconds))

    async def leap(self, now: datetime, faults: Sequence[PlannedFault], seconds: float) -> None:
        """Move the programme's clock, and run a schedule while deadlines pass and people take their late steps."""
        self._note(f"it is {now:%d %B %Y}")
        await self.world.leap(now)
        await self._weather([fault for fault in faults if fault.target != "upstream"], self._follow_up(seconds))

    async def _weather(self, faults: Sequence[PlannedFault], load: Coroutine[None, None, None]) -> None:
        """Inject faults while the load lasts, and repair every target, also after an interruption."""
        loading = asyncio.create_task(load)
        started, injections = time.monotonic(), list[asyncio.Task[None]]()
        try:
            for fault in faults:
                await asyncio.sleep(max(0.0, fault.at - (time.monotonic() - started)))
                injections.append(asyncio.create_task(self._inject(fault)))
            await loading
        finally:
            loading.cancel()
            await asyncio.gather(*injections)
            await asyncio.gather(*(asyncio.to_thread(one.stop) for one in self._extra.values()))
        for one in self.world.installation.services.values():
            await asyncio.to_thread(one.wait_ready)

    async def _follow_up(self, seconds: float) -> None:
        started = time.monotonic()
        while (passed := time.monotonic() - started) < seconds:
            await self.world.send_follow_ups()
            self.show_status(f"{passed:5.0f} s  {self.world.now:%d %B %Y}  {self.faults.total()} faults")
            await asyncio.sleep(1.0)

    async def _load(self, seconds: float) -> None:
        started = time.monotonic()
        while (passed := time.monotonic() - started) < seconds:
            records = self.world.new_people_records(PEOPLE_A_SECOND)
            self._recent = (self._recent + records)[-RECORDS_KEPT:]
            await self.world.send(records)
            await self.world.send_follow_ups()
            self._note(f"{len(self.world.people)} people")
            self.show_status(f"{passed:5.0f} s  {len(self.world.people):,} people  {self.faults.total()} faults")
            await asyncio.sleep(1.0)

    async def _inject(self, fault: PlannedFault) -> None:
        async with self._locks[fault.target]:
            self._note(f"{fault.kind} {fault.target} begins")
            try:
                async with asyncio.timeout(ACTION_TIMEOUT_SECONDS):
                    await self._actions[fault.kind](fault)
                self.faults[fault.kind] += 1
                self._note(f"{fault.kind} {fault.target} is over")
            except Exception as error:  # noqa: BLE001 - the storm goes on, and reports failures in the end
                self.trouble.append(f"{fault.kind} of {fault.target}: {error!r}")
                self._note(self.trouble[-1])

    def _note(self, what: str) -> None:
        """Append a line to the storm's own log, beside those of the processes."""
        with (self.world.installation.folder / "log" / "storm.log").open("a") as log:
            log.write(f"{datetime.now(UTC).isoformat()} {what}\n")

    def _service(self, fault: PlannedFault) -> ServiceReplica:
        return self.world.installation.services[fault.target.removesuffix("-1")]

    async def _restart(self, fault: PlannedFault) -> None:
        one = self._service(fault)
        await asyncio.to_thread(one.kill if fault.kind is FaultKind.KILL else one.stop)
        await asyncio.sleep(fault.seconds / 2)
        await asyncio.to_thread(one.launch)

    async def _freeze_service(self, fault: PlannedFault) -> None:
        await self._freeze(self._service(fault).process, fault.seconds)

    async def _freeze_broker(self, fault: PlannedFault) -> None:
        await self._freeze(self.world.installation.kafka.process, fault.seconds)

    async def _kill_broker(self, _: PlannedFault) -> None:
        await asyncio.to_thread(self.world.installation.kafka.kill)
        await asyncio.to_thread(self.world.installation.kafka.start)

    async def _restart_database(self, fault: PlannedFault) -> None:
        postgres = self.world.installation.postgres
        await asyncio.to_thread(postgres.kill if fault.kind is FaultKind.KILL_DATABASE else postgres.stop)
        await asyncio.to_thread(postgres.start)

    async def _freeze(self, process: Process | None, seconds: float) -> None:
        assert process is not None
        process.freeze()
        await asyncio.sleep(seconds)
        process.thaw()

    async def _zombie(self, fault: PlannedFault) -> None:
        """Start the service again while its process is frozen; thawed, the old process must end itself."""
        old = self._service(fault)
        assert old.process is not None
        # A process frozen before it has entered its name would, once thawed, replace its successor.
        await asyncio.to_thread(old.wait_ready)
        old.process.freeze()
        self.world.installation.services[old.name] = successor = self.world.installation.replica(old.name, 1)
        await asyncio.to_thread(successor.start)
        old.process.thaw()
        try:
            await self.world.until_ended(old.process)
        finally:
            old.process.kill()

    async def _cut_sessions(self, fault: PlannedFault) -> None:
        # A database that is down has no sessions to cut.
        with suppress(OSError, asyncpg.PostgresError):
            connection = await asyncpg.connect(self.world.installation.postgres_url)
            await connection.execute(CUT, self._service(fault).name)
            await connection.close()

    async def _join(self, fault: PlannedFault) -> None:
        name, _, number = fault.target.partition("-")
        self._extra[fault.target] = one = self.world.installation.replica(name, int(number))
        await asyncio.to_thread(one.launch)

    async def _leave(self, fault: PlannedFault) -> None:
        await asyncio.to_thread(self._extra.pop(fault.target).stop)

    async def _reset_offsets(self, fault: PlannedFault) -> None:
        one = self._service(fault)
        await asyncio.to_thread(one.kill)
        where = "beginning" if fault.seconds < 3 else "end"
        try:
            # Committing offsets needs a running broker.
            async with self._locks["kafka"]:
                await self.world.reset_offsets(one.name, READ_BY[one.name], where)
        finally:
            await asyncio.to_thread(one.launch)

    async def _repeat(self, _: PlannedFault) -> None:
        await self.world.send(self._rng.sample(self._recent, min(RECORDS_REPEATED, len(self._recent))))

    async def _poison(self, _: PlannedFault) -> None:
        await self.world.send_poison()

    async def _restore_schema(self, fault: PlannedFault) -> None:
        """Restore one service to its state of a moment ago, with all its replicas down."""
        name = fault.target.removesuffix("-1")
        others = [f"{name}-{number}" for number in EXTRA_REPLICAS]
        async with AsyncExitStack() as turns:
            # Locked in the order of every other fault, against deadlock: service, replicas, servers.
            for target in (*others, "kafka", "postgres"):
                await turns.enter_async_context(self._locks[target])
            copy = await self.world.copy_schema(name)
            await asyncio.sleep(fault.seconds / 2)
            replicas = [self._extra[other] for other in others if other in self._extra]
            await asyncio.gather(*(asyncio.to_thread(one.kill) for one in replicas))
            await self.world.restore_schema(name, copy)
            await asyncio.gather(*(asyncio.to_thread(one.launch) for one in replicas))

    async def _send_contradictions(self, _: PlannedFault) -> None:
        people = self.world.people_of(Persona.CONTRADICTED, 2)
        await self.world.send(
            self.world.repeated_and_shuffled(event for one in people for event in timeline(one, self.world.keys))
        )

    async def _bomb(self, _: PlannedFault) -> None:
        async with self._locks["kafka"]:
            await self.world.send_bomb()

    async def _abort_transaction(self, _: PlannedFault) -> None:
        self._aborted_people += ABORTED_AT_ONCE
        people = cohort(self.seed, ABORTED_AT_ONCE, first_number=ABORTED_PEOPLE_FROM + self._aborted_people)
        records = repeat_and_shuffle([event for one in people for event in timeline(one, self.world.keys)], self.seed)
        producer = AIOKafkaProducer(
            bootstrap_servers=self.world.installation.kafka.bootstrap,
            transactional_id="upstream",
            max_batch_size=1 << 20,
            request_timeout_ms=PATIENCE_MS,
        )
        # The transaction needs a running broker to begin; later faults are part of the test.
        async with self._locks["kafka"]:
            await producer.start()
        try:
            await producer.begin_transaction()
            await send(producer, records)
            await producer.abort_transaction()
        finally:
            await producer.stop()
