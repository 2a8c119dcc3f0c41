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
from shared.messaging.engine import Engine
from shared.messaging.plan import Plan, Retention
from shared.postgres.migrate import Migration
from shared.runtime.database import Database, Expected, open_session
from shared.runtime.http import Pages
from shared.runtime.keys import Keys
from shared.runtime.metrics import Metrics
from shared.runtime.monitor import Monitor
from shared.runtime.parts import ServiceParts
from shared.runtime.watch import Watch

LOG = structlog.get_logger()
BROKER_PAUSE_SECONDS = 1.0
LEAVING_STEP_SECONDS = 6.0

Step = Callable[[], Awaitable[object]]


class ServiceApp(AsgiFastStream):
    """FastStream's application, with pages that it cannot route itself and patience with what is away.

    `leave` are the steps after the broker has stopped. Each step of leaving has its time: what is not done by then
    is done by whoever gets the lanes next.
    """

    def __init__(self, engine: Engine, pages: Pages, *, enter: Step, leave: Sequence[Step]) -> None:
        super().__init__(engine.broker, logger=None, on_startup=[enter])
        self._pages = pages
        self._leaving = (engine.commit_now, engine.broker.stop, engine.stop, *leave)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI."""
        if scope["type"] == "http":
            await self._pages(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def stop(self) -> None:
        """Finishes the batch, says to Kafka how far it is read, publishes what is committed, lets go."""
        for step in self._leaving:
            try:
                async with asyncio.timeout(LEAVING_STEP_SECONDS):
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


def build_app(parts: ServiceParts, keys: Keys, watch: Watch, migrations: Sequence[Migration]) -> AsgiFastStream:
    """The application that uvicorn runs; nothing is connected before."""
    settings, clock = parts.settings, Clock.from_environment()
    metrics = Metrics(parts.name, parts.measures)
    expected = Expected(migrations, keys.identity)
    engine = Engine(_plan(parts, clock, metrics, keys, expected))
    url = settings.postgres_url.get_secret_value()
    database = Database(url, f"{settings.replica} pages", expected.confirm)
    monitor = Monitor(parts, clock, database, watch, metrics)
    return ServiceApp(
        engine,
        Pages(parts, database, monitor, engine.status),
        enter=in_turn(engine.start, watch.start),
        leave=(watch.stop, monitor.stop, database.close),
    )


def in_turn(*steps: Step) -> Step:
    """Several steps as one."""

    async def all_of_them() -> None:
        for step in steps:
            await step()

    return all_of_them


def _plan(parts: ServiceParts, clock: Clock, metrics: Metrics, keys: Keys, expected: Expected) -> Plan:
    settings = parts.settings
    url = settings.postgres_url.get_secret_value()

    async def connect(name: str) -> Connection:
        return await open_session(url, f"{settings.replica} {name}", expected.confirm)

    return Plan(
        service=parts.name,
        replica=settings.replica,
        bootstrap=settings.kafka_bootstrap,
        sources=parts.sources,
        timers=parts.timers,
        own_topics=parts.own_topics,
        lane_topic=parts.lane_topic,
        adopt=parts.adopt,
        connect=connect,
        confirm=expected.confirm,
        note=expected.note,
        clock=clock,
        vault=keys.own,
        chain=keys.sealing.key,
        batch_records=settings.batch_records,
        sweep_every_seconds=settings.sweep_every_seconds,
        look_every_seconds=settings.look_every_seconds,
        wait_at_most=timedelta(seconds=settings.wait_at_most_seconds),
        waiting_per_key=settings.waiting_per_key,
        waiting_in_all=settings.waiting_in_all,
        causes=parts.causes,
        retention=Retention(
            pages=timedelta(days=settings.page_retention_days), parked=timedelta(days=settings.parked_retention_days)
        ),
        observe=metrics.observe,
    )
