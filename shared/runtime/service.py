"""Composition of a running service: the engine and its broker under FastStream, the HTTP API by Starlette."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import structlog
from aiokafka.errors import KafkaError
from asyncpg import Connection
from faststream.asgi import AsgiFastStream
from starlette.applications import Starlette

from shared.clock import Clock
from shared.messaging.engine.engine import Engine
from shared.messaging.engine.plan import Plan, Retention
from shared.postgres.migrations import Migration
from shared.runtime.commands import CommandDesk
from shared.runtime.database import Database, DataRequirements, open_session
from shared.runtime.definition import ServiceDefinition
from shared.runtime.gauge_collector import GaugeCollector
from shared.runtime.http import HttpApi
from shared.runtime.invariant_monitor import InvariantMonitor
from shared.runtime.kafka_probe import KafkaProbe
from shared.runtime.key_watch import KeyWatch
from shared.runtime.keys import Keys
from shared.runtime.metrics import Metrics
from shared.runtime.tokens import Tokens

LOG = structlog.get_logger()
BROKER_PAUSE_SECONDS = 1.0
SHUTDOWN_STEP_SECONDS = 6.0

Step = Callable[[], Awaitable[object]]


class ServiceLifecycle(AsgiFastStream):
    """FastStream's start and end of a service: it waits for Kafka, and each step of the end has its time.

    `shutdown` are the steps after the broker has stopped. What a step has not done within SHUTDOWN_STEP_SECONDS is done
    by the process that gets the lanes next.
    """

    def __init__(self, engine: Engine, *, startup: Sequence[Step], shutdown: Sequence[Step]) -> None:
        super().__init__(engine.broker, logger=None, on_startup=startup)
        self._shutdown_steps = (engine.commit_now, engine.broker.stop, engine.stop, *shutdown)

    async def stop(self) -> None:
        """Finish the batch, commit the offsets, publish the pages and close every connection."""
        for step in self._shutdown_steps:
            try:
                async with asyncio.timeout(SHUTDOWN_STEP_SECONDS):
                    await step()
            except Exception as error:  # noqa: BLE001 - the further steps are taken all the same
                LOG.warning("outage", part="leaving", error=repr(error))

    async def _start_broker(self) -> None:
        """Try until Kafka answers; HTTP is served meanwhile, and says that Kafka does not."""
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
    definition: ServiceDefinition,
    keys: Keys,
    invariant_monitor: InvariantMonitor,
    key_watch: KeyWatch,
    migrations: Sequence[Migration],
) -> Starlette:
    """Return the application that uvicorn runs; it connects to nothing before it starts.

    Raise Refused for a malformed file of tokens.
    """
    settings, clock = definition.settings, Clock.from_environment()
    metrics = Metrics(definition.name, definition.collectors)
    requirements = DataRequirements(migrations, keys.identity)
    engine = Engine(_plan(definition, clock, metrics, keys, requirements))
    url = settings.postgres_url.get_secret_value()
    database = Database(url, f"{settings.replica} pages", requirements.confirm)
    gauges = GaugeCollector(definition, clock, database, invariant_monitor, metrics)
    kafka = KafkaProbe(definition)
    tokens = Tokens.load(definition.settings.keys_folder)
    desk = CommandDesk(
        definition.commands,
        lambda: Database(url, f"{settings.replica} commands", requirements.confirm),
        clock,
        keys.chain_seals.key,
    )
    lifecycle = ServiceLifecycle(
        engine,
        startup=(engine.start, invariant_monitor.start, key_watch.start),
        shutdown=(key_watch.stop, invariant_monitor.stop, gauges.close, kafka.close, desk.close, database.close),
    )

    def notices() -> list[str]:
        return key_watch.notices() + tokens.notices()

    api = HttpApi(definition, database, gauges, kafka, engine.status, tokens, desk, notices)
    return api.application(lambda _: lifecycle.start_lifespan_context())


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
