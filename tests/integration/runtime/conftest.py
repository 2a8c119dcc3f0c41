"""A toy service with topics, a schema and keys of its own, driven by its command line."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import uuid
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local.keys import make_keys
from deploy.local.paths import ROOT
from deploy.local.ports import free_port
from deploy.local.processes import Process
from deploy.local.roles import owner_of
from shared.contracts.topics import LANES
from shared.messaging.transaction.lane import insert_rows
from shared.postgres.migrations import grants, load_migrations, migrate
from shared.postgres.session import connect
from shared.runtime.chain_seals import ChainSeals
from tests.infrastructure import Database, KafkaServer
from tests.integration.messaging.toy import TABLES, TOY_TABLES, League
from tests.timeouts import until

MODULE = "tests.integration.runtime.toy"
# The process is killed and started again between two requests.
NO_LINK_KEPT = httpx.Limits(max_keepalive_connections=0)


@dataclass
class Toy:
    """The toy with its `environment`; `connection` is the test's own session in its schema, `pages` asks over HTTP."""

    league: League
    environment: dict[str, str]
    connection: asyncpg.Connection
    folder: Path
    pages: httpx.AsyncClient

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environment['TOY_HTTP_PORT']}"

    async def run_verb(self, *verb: str, status: int = 0, **settings: str) -> str:
        """Run a verb and return what it printed; fail unless it ends with this status."""
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", MODULE, *verb],
            cwd=ROOT,
            env=self.environment | settings,
            capture_output=True,
            text=True,
            check=False,
        )
        output = str(done.stdout) + str(done.stderr)
        assert done.returncode == status, output
        return output

    async def verify(self, *options: str, status: int = 0) -> dict[str, list[str]]:
        """Run `verify --json` and return the breaches by invariant."""
        results = json.loads(await self.run_verb("verify", "--json", *options, status=status))
        assert all(result["holds"] == (not result["breaches"]) for result in results)
        return {result["id"]: result["breaches"] for result in results}

    async def operations(self) -> list[tuple[str, str]]:
        rows = await self.connection.fetch("select verb, who from operation order by number")
        return [(row["verb"], row["who"]) for row in rows]

    @contextlib.asynccontextmanager
    async def run_process(self, **settings: str) -> AsyncIterator[Process]:
        """Start the service as a process, and kill it at the end if it has not ended."""
        process = Process.start(
            "toy",
            [sys.executable, "-m", MODULE, "run"],
            log=self.folder / "toy.log",
            environment=self.environment | settings,
            folder=ROOT,
        )
        try:
            await until(lambda: self.is_up("/health/live"), "the process answers")
            yield process
        finally:
            await asyncio.to_thread(process.kill)

    async def is_up(self, page: str) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return (await self.get(page)).is_success
        return False

    async def get(self, page: str) -> httpx.Response:
        return await self.pages.get(self.url + page)


@pytest.fixture
async def toy(kafka: KafkaServer, database: Database, tmp_path: Path) -> AsyncIterator[Toy]:
    league = League(uuid.uuid4().hex[:8])
    owner = database.url_of(owner_of("enrollment"))
    await create_topics(kafka.bootstrap, league.requests, *league.own_topics)
    make_keys(tmp_path, services=("toy",), partners=())
    begin = ChainSeals.load(tmp_path, "toy").seal_in_migration
    await migrate(owner, load_migrations("shared.messaging"), [grants("shared.messaging")], begin)
    connection = await connect(owner, "test")
    await connection.execute(TABLES + f"grant all on {TOY_TABLES} to enrollment")
    await insert_rows(connection, league.own_topics)
    key = {"kty": "oct", "k": urlsafe_b64encode(bytes(32)).decode().rstrip("="), "kid": "toy-1", "use": "enc"}
    # One group of consumers per test, so the process goes by the league's name; the command line goes by its prefix.
    for name in ("toy", league.service):
        (tmp_path / f"{name}.jwks.json").write_text(json.dumps({"keys": [key]}))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SALUR_", "TOY_"))}
    environment = {
        **inherited,
        "TOY_REPLICA": f"{league.service}-1",
        "TOY_SUFFIX": league.suffix,
        "TOY_POSTGRES_URL": database.url_of("enrollment"),
        "TOY_MIGRATE_URL": owner,
        "TOY_KAFKA_BOOTSTRAP": kafka.bootstrap,
        "TOY_KEYS_FOLDER": str(tmp_path),
        "TOY_HTTP_PORT": str(free_port()),
        "TOY_SWEEP_EVERY_SECONDS": "0.2",
    }
    # To make a client costs more than to ask; what asks until it is up makes none each time.
    async with httpx.AsyncClient(timeout=30, trust_env=False, limits=NO_LINK_KEPT) as pages:
        yield Toy(league, environment, connection, tmp_path, pages)
    await connection.close()


async def create_topics(bootstrap: str, *names: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, LANES, 1) for name in names])
    await admin.close()
