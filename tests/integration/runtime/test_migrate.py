"""`migrate` as operators type it, for each service: missing migrations are applied once and printed."""

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass

import pytest

from deploy.local.paths import ROOT
from deploy.local.ports import free_port
from deploy.local.roles import owner_of
from shared.postgres.migrations import migrations_of, pending
from shared.postgres.session import connect
from tests.builders import keys_folder
from tests.infrastructure import Database


@dataclass(frozen=True)
class Output:
    status: int
    lines: list[str]


async def migrate(service: str, url: str) -> Output:
    """Run the verb with the owner's URL alone; return its output on both streams."""
    nowhere = f"postgresql://{service}@127.0.0.1:{free_port()}/salur"
    urls = {f"{service.upper()}_MIGRATE_URL": url, f"{service.upper()}_POSTGRES_URL": nowhere}
    keys = {f"{service.upper()}_KEYS_FOLDER": str(keys_folder())}
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", f"services.{service}", "migrate"],
        cwd=ROOT,
        env=os.environ | urls | keys,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Output(done.returncode, done.stdout.splitlines())


@pytest.mark.parametrize("service", ["enrollment", "completion", "payment"])
async def test_empty_schema_is_migrated_and_a_second_run_changes_nothing(database: Database, service: str) -> None:
    url, wanted = database.url_of(owner_of(service)), migrations_of(f"services.{service}")
    assert await migrate(service, url) == Output(0, [f"applied {migration}" for migration in wanted])
    connection = await connect(url, "test")
    assert await pending(connection, wanted) == []
    log = "select * from migration order by component, number"
    before = await connection.fetch(log)
    assert await migrate(service, url) == Output(0, ["nothing to apply: the schema is up to date"])
    assert await connection.fetch(log) == before
    await connection.close()


async def test_newer_schema_is_refused_in_one_line(database: Database) -> None:
    url = database.url_of(owner_of("payment"))
    await migrate("payment", url)
    connection = await connect(url, "test")
    await connection.execute("insert into migration values ('payment', 9999, 'of_tomorrow', '', now())")
    await connection.close()
    newer = (
        "payment: the schema is newer than this program: it has payment/9999; "
        "start the program that made it, or a newer one"
    )
    assert await migrate("payment", url) == Output(2, [newer])


async def test_unreachable_database_is_reported_in_one_line_by_migrate() -> None:
    done = await migrate("payment", f"postgresql://payment_owner@127.0.0.1:{free_port()}/salur")
    assert done.status == 2
    (line,) = done.lines
    assert line.startswith("payment: Postgres is not reachable")
