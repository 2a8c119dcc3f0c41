"""`make up` and `make down`: processes are left running, found again, and all ended."""

from __future__ import annotations

import http.client
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from confluent_kafka.admin import AdminClient

from deploy.local.down import clean, down
from deploy.local.installation import Installation
from deploy.local.keys import KEYS_OF
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.process_registry import still_running
from deploy.local.up import PORT_SETTINGS, up
from shared.contracts.topics import SERVICES, TOPICS
from shared.errors import Refused

# `down` must be faster: PostgreSQL stopped by SIGTERM would wait for open sessions until it is killed.
PATIENCE_OF_POSTGRES_SECONDS = 30
CLOCK = datetime(2023, 2, 18, 3, tzinfo=UTC)
LINE = re.compile(r"^export ([A-Z0-9_]+)='?([^']*)'?$")


@pytest.fixture(scope="module")
def wishes() -> dict[str, str]:
    ports = {setting: str(free_port()) for setting, _ in PORT_SETTINGS.values()}
    return {**ports, "PARTNERS": "none", "CLOCK": CLOCK.isoformat()}


@pytest.fixture(scope="module")
def installation(wishes: dict[str, str]) -> Iterator[Installation]:
    folder = Path(tempfile.mkdtemp(prefix="salur-test-"))
    try:
        yield up(folder, wishes)
    finally:
        down(folder)
        shutil.rmtree(folder)


@pytest.fixture
def addresses(installation: Installation) -> dict[str, str]:
    lines = (installation.folder / "salur.env").read_text().splitlines()
    found = [match for match in map(LINE.match, lines) if match]
    assert len(found) == len(lines)
    return {match[1]: match[2] for match in found}


def test_file_of_addresses_is_readable_by_its_owner_alone(installation: Installation) -> None:
    assert stat.S_IMODE((installation.folder / "salur.env").stat().st_mode) == 0o600


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_ready_at_its_address(addresses: dict[str, str], service: str) -> None:
    link = http.client.HTTPConnection(addresses[f"SALUR_{service.upper()}_URL"].removeprefix("http://"), timeout=10)
    link.request("GET", "/health/ready")
    assert link.getresponse().status == http.client.OK
    link.close()


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_a_folder_with_its_own_keys_alone(addresses: dict[str, str], service: str) -> None:
    folder = Path(addresses[f"{service.upper()}_KEYS_FOLDER"])
    assert folder == Path(addresses["SALUR_KEYS_FOLDER"]) / service
    assert {path.name for path in folder.iterdir()} == {*KEYS_OF[service]}


async def test_database_has_a_schema_for_each_service(
    addresses: dict[str, str],
) -> None:
    connection = await asyncpg.connect(addresses["SALUR_POSTGRES_URL"])
    tables = await connection.fetch("SELECT DISTINCT schemaname AS name FROM pg_tables")
    await connection.close()
    assert {*SERVICES} <= {row["name"] for row in tables}


def test_every_topic_exists(addresses: dict[str, str]) -> None:
    found = AdminClient({"bootstrap.servers": addresses["SALUR_KAFKA_BOOTSTRAP"]}).list_topics(timeout=30)
    assert {topic.name for topic in TOPICS} <= set(found.topics)


def test_clock_shows_the_requested_time(addresses: dict[str, str]) -> None:
    offset = int(Path(addresses["SALUR_CLOCK_OFFSET_FILE"]).read_text())
    now = datetime.now(UTC) + timedelta(seconds=offset)
    assert timedelta(0) <= now - CLOCK < timedelta(minutes=5)


def test_second_up_changes_nothing(installation: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    before = _running(installation)
    up(installation.folder, {"PARTNERS": "none"})
    printed = capsys.readouterr().out
    assert "up already" in printed
    assert f"{installation.services['payment'].url}/participants/" in printed
    assert "services.enrollment lanes" in printed
    assert max(map(len, printed.splitlines())) <= 120
    assert _running(installation) == before


def test_clock_of_running_services_is_not_moved(installation: Installation, wishes: dict[str, str]) -> None:
    with pytest.raises(Refused, match="make down"):
        up(installation.folder, wishes)


def test_port_of_a_running_service_is_not_moved(installation: Installation) -> None:
    with pytest.raises(Refused, match=r"payment is up on port \d+; run make down"):
        up(installation.folder, {"PARTNERS": "none", "PAYMENT_HTTP_PORT": str(free_port())})


def test_service_has_no_other_roles_database_url(installation: Installation) -> None:
    process = installation.services["payment"].process
    assert process is not None
    environment = Path(f"/proc/{process.pid}/environ").read_text()
    assert installation.postgres_url not in environment
    assert installation.role_postgres_url("enrollment") not in environment


def test_up_starts_only_the_missing_processes(installation: Installation) -> None:
    before = _running(installation)
    killed = installation.services["payment"]
    killed.kill()

    again = up(installation.folder, {"PARTNERS": "none"})

    after = _running(installation)
    assert after.pop("payment-1") != before.pop("payment-1")
    assert after == before
    assert again.services["payment"].port == killed.port
    assert again.services["payment"].ready()


def test_down_keeps_the_data_and_clean_deletes_it(installation: Installation, wishes: dict[str, str]) -> None:
    folder = installation.folder
    began = time.monotonic()
    down(folder)
    assert time.monotonic() - began < PATIENCE_OF_POSTGRES_SECONDS

    assert still_running(folder / "run") == []
    assert not any(process.alive for process in installation.processes())
    assert (folder / "kafka" / "data" / "meta.properties").exists()

    (folder / "demo").mkdir()
    clean(folder)
    assert [path.name for path in folder.iterdir()] == ["demo"]
    assert not any(_listens(int(wishes[setting])) for setting, _ in PORT_SETTINGS.values())


def _running(installation: Installation) -> dict[str, int]:
    return {process.name: process.pid for process in still_running(installation.folder / "run")}


def _listens(port: int) -> bool:
    link = http.client.HTTPConnection(LOOPBACK, port, timeout=1)
    try:
        link.connect()
    except OSError:
        return False
    link.close()
    return True
