"""Composition of a running service: the engine, its broker and its pages, as one FastStream application."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from asyncpg import Connection
from faststream.asgi import AsgiFastStream

from shared.clock import Clock
from shared.messaging.engine.engine import Engine
from shared.messaging.engine.plan import Plan, Retention
from shared.postgres.migrations import Migration
from shared.runtime.database import Database, DataRequirements, open_session
from shared.runtime.definition import ServiceDefinition
from shared.runtime.http import HttpApi
from shared.runtime.invariant_monitor import InvariantMonitor
from shared.runtime.keys import Keys
from shared.runtime.metrics import Metrics
from shared.runtime.service_monitor import ServiceMonitor

LOG = structlog.get_logger()
BROKER_PAUSE_SECONDS = 1.0
SHUTDOWN_STEP_SECONDS = 6.0

Step = Callable[[], Awaitable[object]]


class ServiceApp(AsgiFastStream):
    """FastStream's application, with pages that it cannot route itself and patience with what is away.

    `leave` are the steps after the broker has stopped. Each step of leaving has its time: what is not done by then
    is done by whoever gets the lanes next.
    """

    def __init__(self, engine: Engine, http_api: HttpApi, *, startup: Step, shutdown: Sequence[Step]) -> None:
        super().__init__(engine.broker, logger=None, on_startup=[startup])
        self._http_api = http_api
        self._shutdown_steps = (engine.commit_now, engine.broker.stop, engine.stop, *shutdown)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI."""
        if scope["type"] == "http":
            await self._http_api(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def stop(self) -> None:
        """Finishes the batch, says to Kafka how far it is read, publishes what is committed, lets go."""
        for step in self._shutdown_steps:
            try:
                async with asyncio.timeout(SHUTDOWN_STEP_SECONDS):
                    await step()
            except Exception as error:  # noqa: BLE001 - the further steps are taken all the same
                LOG.warning("outage", part="leaving", error=repr(error))

    async def _start_broker(self) -> None:
        """Runs beside the pages, so that they can say that Kafka is away."""
        while True:
            try:
                await super()._start_broker()
                return
            except (KafkaError, OSError) as error:
                LOG.warning("outage", part="broker", error=repr(error))
                for broker in self.brokers:
                    with contextlib.suppress(Exception):
                        await broker.stop()
                await asyncio.sleep(BROKER_PAUSE_SECONDS)


def build_app(
    definition: ServiceDefinition, keys: Keys, invariant_monitor: InvariantMonitor, migrations: Sequence[Migration]
) -> AsgiFastStream:
    """The application that uvicorn runs; nothing is connected before."""
    settings, clock = definition.settings, Clock.from_environment()
    metrics = Metrics(definition.name, definition.collectors)
    requirements = DataRequirements(migrations, keys.identity)
    engine = Engine(_plan(definition, clock, metrics, keys, requirements))
    url = settings.postgres_url.get_secret_value()
    database = Database(url, f"{settings.replica} pages", requirements.confirm)
    monitor = ServiceMonitor(definition, clock, database, invariant_monitor, metrics)
    return ServiceApp(
        engine,
        HttpApi(definition, database, monitor, engine.status),
        startup=combine_steps(engine.start, invariant_monitor.start),
        shutdown=(invariant_monitor.stop, monitor.stop, database.close),
    )


def combine_steps(*steps: Step) -> Step:
    """Several steps as one."""

    async def all_of_them() -> None:
        for step in steps:
            await step()

    return all_of_them


def _plan(
    definition: ServiceDefinition, clock: Clock, metrics: Metrics, keys: Keys, requirements: DataRequirements
) -> Plan:
    settings = definition.settings
    url = settings.postgres_url.get_secret_value()

    async def connect(name: str) -> Connection:
        return await open_session(url, f"{settings.replica} {name}", requirements.confirm)

    return Plan(
        service=definition.name,
        replica=settings.replica,
        bootstrap=settings.kafka_bootstrap,
        sources=definition.sources,
        timers=definition.timers,
        own_topics=definition.own_topics,
        lane_topic=definition.lane_topic,
        adopt=definition.adopt,
        connect=connect,
        confirm=requirements.confirm,
        note=requirements.save_fingerprints,
        clock=clock,
        vault=keys.own,
        chain=keys.chain_seals.key,
        batch_records=settings.batch_records,
        sweep_every_seconds=settings.sweep_every_seconds,
        look_every_seconds=settings.look_every_seconds,
        wait_at_most=timedelta(seconds=settings.wait_at_most_seconds),
        waiting_per_key=settings.waiting_per_key,
        waiting_in_all=settings.waiting_in_all,
        causes=definition.causes,
        retention=Retention(
            pages=timedelta(days=settings.page_retention_days), parked=timedelta(days=settings.parked_retention_days)
        ),
        observe=metrics.observe,
    )
