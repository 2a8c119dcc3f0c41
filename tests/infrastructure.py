"""Kafka and PostgreSQL for tests: always real servers.

They are taken from the environment (`SALUR_TEST_KAFKA_BOOTSTRAP`, `SALUR_TEST_POSTGRES_URL`: servers for tests alone),
else run as processes on this machine, else in containers. If none can be started, the tests fail.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import asyncpg

from deploy.local.kafka import Kafka
from deploy.local.postgres import Postgres
from deploy.local.roles import ROLES, create_database, create_roles, owner_of
from deploy.local.services import in_every_service
from services.payment.store.ledger import LEDGER_CHAINS
from shared.errors import SalurError
from shared.postgres.migrations import grants_of, migrate, migrations_of
from shared.postgres.session import connect
from shared.runtime.chain_seals import ChainSeals
from tests.builders import keys_folder
from tests.containers import kafka_container, postgres_container

PASSWORD = "test"
# Settings of an installation whose services sweep more often than in production.
QUICK_SWEEPS = in_every_service("SWEEP_EVERY_SECONDS", "0.5")
LENDING_SQL = Path(__file__).with_name("lent.sql")
END_OTHER_SESSIONS = (
    "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
    " where datname = current_database() and pid <> pg_backend_pid()"
)
Server = TypeVar("Server")


class CannotRestart(SalurError):
    """A test tries to restart a server that the environment names."""


class KafkaServer(Protocol):
    """A broker that answers at `bootstrap` and can be started again with the same data."""

    @property
    def bootstrap(self) -> str: ...

    def restart(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ExternalKafka:
    """A broker named in the environment."""

    bootstrap: str

    def restart(self) -> None:
        raise CannotRestart("the Kafka of SALUR_TEST_KAFKA_BOOTSTRAP cannot be restarted from here")


@dataclass(frozen=True, slots=True)
class Database:
    """A database with the roles and empty schemas of the three services."""

    name: str
    url: str
    """The superuser's URL."""

    made_for: str = ""
    """Service whose migrated schema the database has, if it is lent."""

    def url_of(self, role: str) -> str:
        """Return the URL of a role: a service's own, or the owner of its tables."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=f"{role}:{PASSWORD}@{parts.hostname}:{parts.port}").geturl()

    async def migrate(self, service: str) -> str:
        """Migrate a service's schema as its owner; return the URL of the service's own role."""
        package = f"services.{service}"
        url = self.url_of(owner_of(service))
        await migrate(url, migrations_of(package), grants_of(package), sealing_of(service).seal_in_migration)
        return self.url_of(service)

    async def sessions(self, service: str) -> tuple[asyncpg.Connection, asyncpg.Connection]:
        """Open a session of the service's role and one of the owner, with which the first one ends too."""
        way = self.url_of(service) if service == self.made_for else await self.migrate(service)
        writer = await connect(way, "writer")
        owner = await connect(self.url_of(owner_of(service)), "test")
        owner.add_termination_listener(lambda _: writer.terminate())
        return writer, owner


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A server with its superuser's URL; `restart` restarts it with the same data."""

    url: str
    restart: Callable[[], None]
    _idle: defaultdict[str, list[Database]] = field(default_factory=lambda: defaultdict(list))

    async def fresh_database(self, like: Database | None = None) -> Database:
        """Create a database with roles and empty schemas, or a copy of one that nobody is connected to."""
        name = f"t_{uuid.uuid4().hex[:12]}"
        if like is None:
            await create_database(self.url, name)
        else:
            await self._run(f'CREATE DATABASE "{name}" TEMPLATE "{like.name}"')
        database = Database(name, urlsplit(self.url)._replace(path=f"/{name}").geturl())
        await create_roles(database.url, dict.fromkeys(ROLES, PASSWORD))
        return database

    async def lend(self, service: str) -> Database:
        """Return a database with a service's migrated schema; `take_back` makes it available to other tests."""
        if self._idle[service]:
            return self._idle[service].pop()
        database = replace(await self.fresh_database(), made_for=service)
        await database.migrate(service)
        connection = await asyncpg.connect(database.url)
        try:
            await connection.execute(LENDING_SQL.read_text().replace(":service", service))
            await connection.execute("insert into kept.catalog select kept.definitions()")
        finally:
            await connection.close()
        return database

    async def take_back(self, database: Database) -> None:
        """Restore every row, which is far cheaper than a new database; drop a database whose schema was changed."""
        connection = await asyncpg.connect(database.url)
        try:
            await connection.execute(END_OTHER_SESSIONS)
            whole = await connection.fetchval("select kept.restore()")
        finally:
            await connection.close()
        if whole:
            self._idle[database.made_for].append(database)
        else:
            await self.drop(database)

    async def drop(self, database: Database) -> None:
        """Drop a database even if sessions are open."""
        await self._run(f'DROP DATABASE IF EXISTS "{database.name}" WITH (FORCE)')

    async def _run(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def sealing_of(service: str) -> ChainSeals:
    """Return the chains of a service with the tests' key for them."""
    return ChainSeals.load(keys_folder(), service, (LEDGER_CHAINS,) if service == "payment" else ())


@contextmanager
def kafka_server() -> Iterator[KafkaServer]:
    """Provide the broker of this test run."""
    given = os.environ.get("SALUR_TEST_KAFKA_BOOTSTRAP")
    if given:
        yield ExternalKafka(given)
        return
    with _first_that_starts(_local_kafka, kafka_container) as server:
        yield server


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Provide the database server of this test run."""
    given = os.environ.get("SALUR_TEST_POSTGRES_URL")
    if given:
        yield PostgresServer(given, _cannot_restart_postgres)
        return
    with _first_that_starts(_local_postgres, _postgres_in_a_container) as server:
        yield server


@contextmanager
def _first_that_starts(*ways: Callable[[], AbstractContextManager[Server]]) -> Iterator[Server]:
    failures: list[Exception] = []
    with ExitStack() as open_until_the_end:
        for way in ways:
            try:
                server = open_until_the_end.enter_context(way())
            except Exception as failure:  # noqa: BLE001 - whatever is wrong with one way, the next may work
                failures.append(failure)
            else:
                yield server
                return
    raise ExceptionGroup("neither local processes nor containers could be started", failures)


@contextmanager
def _local_kafka() -> Iterator[KafkaServer]:
    with _folder() as folder:
        server = Kafka(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def _local_postgres() -> Iterator[PostgresServer]:
    with _folder() as folder:
        server = Postgres(folder, password=PASSWORD, durable=False)
        server.start()
        try:
            yield PostgresServer(server.url(), server.restart)
        finally:
            server.stop()


@contextmanager
def _postgres_in_a_container() -> Iterator[PostgresServer]:
    with postgres_container(PASSWORD) as (url, restart):
        yield PostgresServer(url, restart)


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="salur-test-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _cannot_restart_postgres() -> None:
    raise CannotRestart("the PostgreSQL of SALUR_TEST_POSTGRES_URL cannot be restarted from here")
