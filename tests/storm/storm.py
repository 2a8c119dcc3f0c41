"""Load on a real installation, to which a schedule of faults happens; then everything is healed and has to drain."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
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
# A fault that is not over by then has gone wrong itself.
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
    """One storm over one world. `faults` counts what has happened; `trouble` is what must not happen."""

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
        # Whatever hits one target waits for its turn: what is being healed cannot be hurt.
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def run(self, faults: list[PlannedFault], seconds: float) -> None:
        """Until the schedule is through and everything that was hit is healed; so also when it is interrupted."""
        loading = asyncio.create_task(self._load(seconds))
        started, hits = time.monotonic(), list[asyncio.Task[None]]()
        try:
            for strike in faults:
                await asyncio.sleep(max(0.0, strike.at - (time.monotonic() - started)))
                hits.append(asyncio.create_task(self._inject(strike)))
            await loading
        finally:
            loading.cancel()
            await asyncio.gather(*hits)
            await asyncio.gather(*(asyncio.to_thread(one.stop) for one in self._extra.values()))
        for one in self.world.installation.services.values():
            await asyncio.to_thread(one.wait_ready)

    async def _load(self, seconds: float) -> None:
        started = time.monotonic()
        while (passed := time.monotonic() - started) < seconds:
            records = self.world.new_people_records(PEOPLE_A_SECOND)
            self._recent = (self._recent + records)[-RECORDS_KEPT:]
            await self.world.send(records)
            self._note(f"{len(self.world.people)} people")
            self.show_status(f"{passed:5.0f} s  {len(self.world.people):,} people  {self.faults.total()} faults")
            await asyncio.sleep(1.0)

    async def _inject(self, strike: PlannedFault) -> None:
        async with self._locks[strike.target]:
            self._note(f"{strike.kind} {strike.target} begins")
            try:
                async with asyncio.timeout(ACTION_TIMEOUT_SECONDS):
                    await self._actions[strike.kind](strike)
                self.faults[strike.kind] += 1
                self._note(f"{strike.kind} {strike.target} is over")
            except Exception as error:  # noqa: BLE001 - the storm goes on, and says in the end what went wrong
                self.trouble.append(f"{strike.kind} of {strike.target}: {error!r}")
                self._note(self.trouble[-1])

    def _note(self, what: str) -> None:
        """The storm's own log, beside those of the processes."""
        with (self.world.installation.folder / "log" / "storm.log").open("a") as log:
            log.write(f"{datetime.now(UTC).isoformat()} {what}\n")

    def _service(self, strike: PlannedFault) -> ServiceReplica:
        return self.world.installation.services[strike.target.removesuffix("-1")]

    async def _restart(self, strike: PlannedFault) -> None:
        one = self._service(strike)
        await asyncio.to_thread(one.kill if strike.kind is FaultKind.KILL else one.stop)
        await asyncio.sleep(strike.seconds / 2)
        await asyncio.to_thread(one.launch)

    async def _freeze_service(self, strike: PlannedFault) -> None:
        await self._freeze(self._service(strike).process, strike.seconds)

    async def _freeze_broker(self, strike: PlannedFault) -> None:
        await self._freeze(self.world.installation.kafka.process, strike.seconds)

    async def _kill_broker(self, _: PlannedFault) -> None:
        await asyncio.to_thread(self.world.installation.kafka.kill)
        await asyncio.to_thread(self.world.installation.kafka.start)

    async def _restart_database(self, strike: PlannedFault) -> None:
        postgres = self.world.installation.postgres
        await asyncio.to_thread(postgres.kill if strike.kind is FaultKind.KILL_DATABASE else postgres.stop)
        await asyncio.to_thread(postgres.start)

    async def _freeze(self, process: Process | None, seconds: float) -> None:
        assert process is not None
        process.freeze()
        await asyncio.sleep(seconds)
        process.thaw()

    async def _zombie(self, strike: PlannedFault) -> None:
        """It is started anew while the old one is frozen; the old one wakes up, finds out, and ends itself."""
        old = self._service(strike)
        assert old.process is not None
        # One that has not entered its name yet would come last, and be the heir itself.
        await asyncio.to_thread(old.wait_ready)
        old.process.freeze()
        self.world.installation.services[old.name] = heir = self.world.installation.replica(old.name, 1)
        await asyncio.to_thread(heir.start)
        old.process.thaw()
        try:
            await self.world.until_ended(old.process)
        finally:
            old.process.kill()

    async def _cut_sessions(self, strike: PlannedFault) -> None:
        # A database that is away has no sessions to cut.
        with suppress(OSError, asyncpg.PostgresError):
            connection = await asyncpg.connect(self.world.installation.postgres_url)
            await connection.execute(CUT, self._service(strike).name)
            await connection.close()

    async def _join(self, strike: PlannedFault) -> None:
        name, _, number = strike.target.partition("-")
        self._extra[strike.target] = one = self.world.installation.replica(name, int(number))
        await asyncio.to_thread(one.launch)

    async def _leave(self, strike: PlannedFault) -> None:
        await asyncio.to_thread(self._extra.pop(strike.target).stop)

    async def _reset_offsets(self, strike: PlannedFault) -> None:
        one = self._service(strike)
        await asyncio.to_thread(one.kill)
        where = "beginning" if strike.seconds < 3 else "end"
        try:
            # A careless hand needs a broker too.
            async with self._locks["kafka"]:
                await self.world.reset_offsets(one.name, READ_BY[one.name], where)
        finally:
            await asyncio.to_thread(one.launch)

    async def _repeat(self, _: PlannedFault) -> None:
        await self.world.send(self._rng.sample(self._recent, min(RECORDS_REPEATED, len(self._recent))))

    async def _poison(self, _: PlannedFault) -> None:
        await self.world.send_poison()

    async def _restore_schema(self, strike: PlannedFault) -> None:
        """One service is again as it was a moment ago, all of its replicas; the others and Kafka went on."""
        name = strike.target.removesuffix("-1")
        others = [f"{name}-{number}" for number in EXTRA_REPLICAS]
        async with AsyncExitStack() as turns:
            # As with every other fault, in one order: a service, its replicas, the servers.
            for target in (*others, "kafka", "postgres"):
                await turns.enter_async_context(self._locks[target])
            copy = await self.world.copy_schema(name)
            await asyncio.sleep(strike.seconds / 2)
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
        # Whoever begins needs a broker; what happens to it later is to be borne.
        async with self._locks["kafka"]:
            await producer.start()
        try:
            await producer.begin_transaction()
            await send(producer, records)
            await producer.abort_transaction()
        finally:
            await producer.stop()
