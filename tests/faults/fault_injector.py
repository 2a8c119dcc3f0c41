"""Faults in an installation: processes that die or freeze, data that are lost or restored."""

import asyncio
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError

from deploy.local.installation import Installation
from deploy.local.paths import ROOT
from deploy.local.postgres import binaries
from deploy.local.processes import Process
from deploy.local.topic_creation import create_topics
from shared.contracts.topics import TOPICS
from shared.messaging.chain import ChainKey
from shared.messaging.engine.operations import set_position
from shared.messaging.engine.operator import Operator
from shared.messaging.reading.topic_inspector import TopicInspector
from tests.timeouts import until

EXTERNAL = {topic.name for topic in TOPICS if not topic.internal}


@dataclass
class FaultInjector:
    """Injector of faults; each context manager repairs its fault at the end."""

    installation: Installation
    pages: httpx.AsyncClient
    patience_seconds: float = field(default=90.0, kw_only=True)

    async def until(self, condition: Callable[[], Awaitable[bool]], what: str) -> None:
        await until(condition, what, self.patience_seconds, every=0.1)

    async def until_ended(self, process: Process) -> None:
        async def ended() -> bool:
            return not process.alive

        await self.until(ended, f"{process.name} has ended")

    async def until_stopped(self, service: str, what: str, reason: str) -> None:
        """Wait until operators are shown that a lane or partition has stopped, with its reason."""

        async def shown() -> bool:
            return (await self.stopped(service)).get(what) == reason

        await self.until(shown, f"{service} shows that {what} has stopped: {reason}")

    @asynccontextmanager
    async def dying(self, service: str, point: str) -> AsyncIterator[Process]:
        """Replace the service by one that dies at the failpoint; start the service again at the end."""
        one = self.installation.services[service]
        await asyncio.to_thread(one.kill)
        dying = self._start_with_failpoint(service, point, signal.SIGKILL)
        try:
            yield dying
            await self.until_ended(dying)
        finally:
            dying.kill()
            await asyncio.to_thread(one.start)

    @asynccontextmanager
    async def zombie(self, service: str, point: str) -> AsyncIterator[Process]:
        """Replace the service by one that freezes at the failpoint; `take_over` starts its successor."""
        one = self.installation.services[service]
        await asyncio.to_thread(one.kill)
        frozen = self._start_with_failpoint(service, point, signal.SIGSTOP)
        try:
            yield frozen
        finally:
            frozen.kill()

    async def take_over(self, service: str, frozen: Process) -> None:
        """Wait until the process is frozen, then start the service under the same name."""

        async def is_frozen() -> bool:
            return frozen.frozen

        await self.until(is_frozen, f"{frozen.name} stands still")
        self.installation.services[service] = one = self.installation.replica(service, 1)
        await asyncio.to_thread(one.start)

    def _start_with_failpoint(self, service: str, point: str, fault_signal: signal.Signals) -> Process:
        return Process.start(
            f"failpoint-{service}",
            [sys.executable, "-m", "tests.faults.failpoint_service", service, point, fault_signal.name],
            log=self.installation.folder / "log" / f"failpoint-{service}-{point}-{fault_signal.name}.log",
            environment=self.installation.services[service].environment,
            folder=ROOT,
        )

    async def empty_topic(self, topic: str) -> None:
        """Delete the topic and create it again."""
        bootstrap = self.installation.kafka.bootstrap
        async with TopicInspector(bootstrap) as topics:
            old = await topics.ids([topic])
            admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
            await admin.start()
            await admin.delete_topics([topic])
            await admin.close()

            async def made() -> bool:
                with suppress(KafkaError):
                    await create_topics(bootstrap)
                    # A busy broker still knows the old topic for a while after the new one was created.
                    return await topics.ids([topic]) not in (old, {})
                return False

            await self.until(made, f"{topic} is there again")

    async def copy_database(self) -> Path:
        """Copy PostgreSQL's data while it is stopped; the services only lose their sessions."""
        postgres = self.installation.postgres
        copy = self.installation.folder / "postgres-copy"
        await asyncio.to_thread(postgres.stop)
        await asyncio.to_thread(_replace, copy, postgres.folder / "data")
        await asyncio.to_thread(postgres.start)
        return copy

    async def restore_database(self, copy: Path, *, services_running: bool) -> None:
        """Restore a copy of PostgreSQL's data while Kafka keeps its own."""
        postgres, services = self.installation.postgres, list(self.installation.services.values())
        if not services_running:
            await asyncio.gather(*(asyncio.to_thread(one.kill) for one in services))
        await asyncio.to_thread(postgres.kill)
        await asyncio.to_thread(_replace, postgres.folder / "data", copy)
        await asyncio.to_thread(postgres.start)
        if not services_running:
            await asyncio.gather(*(asyncio.to_thread(one.start) for one in services))

    async def copy_schema(self, service: str) -> Path:
        """Dump one service's schema, as an administrator does."""
        copy = self.installation.folder / f"{service}.dump"
        await self._administer("pg_dump", "--format=custom", f"--schema={service}", f"--file={copy}")
        return copy

    async def restore_schema(self, service: str, copy: Path) -> None:
        """Restore one stopped service's schema while Kafka and the other services go on; then start the service."""
        async with self.restored_schema(service, copy):
            pass

    @asynccontextmanager
    async def restored_schema(self, service: str, copy: Path) -> AsyncIterator[None]:
        """Restore a schema as `restore_schema` does; the block runs before the service starts."""
        one = self.installation.services[service]
        await asyncio.to_thread(one.kill)
        connection = await asyncpg.connect(self.installation.postgres_url)
        await connection.execute(f"drop schema {service} cascade")
        await connection.close()
        await self._administer("pg_restore", str(copy))
        yield
        await asyncio.to_thread(one.start)

    async def stop_lane(self, service: str, lane: int) -> None:
        """Stop a lane as a broken invariant does, until an operator resumes it."""
        connection = await asyncpg.connect(self.installation.postgres_url)
        await connection.execute(
            f"update {service}.lane set stopped_reason = 'invariant', stopped_at = now() where lane = $1",
            lane,
        )
        await connection.close()

    async def _administer(self, program: str, *options: str) -> None:
        command = [str(binaries() / program), f"--dbname={self.installation.postgres_url}", *options]
        await asyncio.to_thread(subprocess.run, command, check=True)

    async def empty_kafka(self) -> None:
        """Replace the Kafka cluster by a new one with the same topics and no records."""
        kafka = self.installation.kafka
        await asyncio.to_thread(kafka.kill)
        shutil.rmtree(kafka.folder / "data")
        await asyncio.to_thread(kafka.start)
        await create_topics(kafka.bootstrap)

    async def stopped(self, service: str) -> dict[str, str]:
        """Return the stopped lanes and partitions as operators see them, by name, with their reasons."""
        shown = (await self.pages.get(f"{self.installation.services[service].url}/lanes")).json()
        lanes = {f"lane {lane['lane']}": str(lane["reason"]) for lane in shown["lanes"] if lane["reason"]}
        return lanes | {f"{p['topic']}/{p['partition']}": p["stopped_reason"] for p in shown["stopped_partitions"]}

    async def external_partitions_read(self, service: str) -> list[str]:
        """Return the external partitions that the service has read from."""
        rows = await self.rows(service, "select topic, partition from position where next_offset > 0")
        return [f"{row['topic']}/{row['partition']}" for row in rows if row["topic"] in EXTERNAL]

    async def rows(self, service: str, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Query the service's own tables."""
        connection = await asyncpg.connect(self.installation.role_postgres_url(service))
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()

    async def resume_from_the_beginning(self, service: str) -> None:
        """Set the position of every stopped partition to its beginning, as an operator does."""
        operator = Operator(
            "the tests", "a new cluster", datetime.now(UTC), ChainKey.load(self.installation.keys, service)
        )
        connection = await asyncpg.connect(self.installation.role_postgres_url(service))
        for place in await self.stopped(service):
            topic, _, partition = place.partition("/")
            async with connection.transaction():
                await set_position(connection, operator, topic, int(partition), 0, (0, 0))
        await connection.close()

    async def operate(self, service: str, *verb: str) -> None:
        """Run an operator's verb with a name and a reason; assert that it succeeds."""
        done = await self.run(service, *verb, "--who", "the tests", "--why", "a drill")
        assert done.returncode == 0, f"{done.args}: {done.stdout}{done.stderr}"

    async def run(self, service: str, *verb: str) -> "subprocess.CompletedProcess[str]":
        return await asyncio.to_thread(self.installation.services[service].run, *verb)

    async def reset_offsets(self, service: str, topics: list[str], where: str) -> None:
        """Commit the group's offsets at the beginning or the end, as a careless administrator may."""
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
            return bool(consumer.assignment())

        await self.until(assigned, f"a place in the group of {service} is taken over")
        places: list[TopicPartition] = list(consumer.assignment())
        ends = await consumer.end_offsets(places)
        await consumer.commit({place: 0 if where == "beginning" else ends[place] for place in places})
        await consumer.stop()


def _replace(target: Path, source: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    # `cp -a` keeps owners: PostgreSQL runs as a system user if root starts it.
    subprocess.run(["/bin/cp", "-a", source, target], check=True)
