"""A whole installation in one folder, shared by `make up`, the demo, the tests and the benchmarks."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from deploy.local.kafka import Kafka
from deploy.local.keys import KEYS_OF, hand_out, make_keys, password, tokens_in
from deploy.local.paths import ROOT
from deploy.local.ports import free_port
from deploy.local.postgres import SUPERUSER, Postgres
from deploy.local.processes import Process
from deploy.local.roles import DATABASE, ROLES, create_database, create_roles, owner_of
from deploy.local.services import ServiceReplica
from deploy.local.topic_creation import create_topics
from shared.contracts.topics import PARTNERS, SERVICES

CLOCK_VARIABLE = "SALUR_CLOCK_OFFSET_FILE"
READY_VARIABLE = "SALUR_READY_FILE"


def _no_progress(line: str) -> None:
    """Ignore a progress line."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports; 0 stands for a free one."""

    kafka: int = 0
    postgres: int = 0
    enrollment: int = 0
    completion: int = 0
    payment: int = 0


class Installation:
    """Kafka, PostgreSQL, topics, roles, schemas, keys, three services and, on demand, the partner simulator.

    `settings` are environment variables for services and partners, on top of the caller's environment; `durable` is for
    PostgreSQL. All files are kept under `folder`; starting it again continues with the data in it.
    """

    def __init__(
        self,
        folder: Path,
        ports: Ports | None = None,
        *,
        settings: Mapping[str, str] | None = None,
        progress: Callable[[str], None] = _no_progress,
        durable: bool = True,
    ) -> None:
        ports = ports or Ports()
        self.folder = folder
        self.keys = folder / "keys"
        self.clock_file = folder / "clock-offset"
        self.kafka = Kafka(folder / "kafka", ports.kafka)
        secret = password(self.keys, SUPERUSER)
        self.postgres = Postgres(folder / "postgres", ports.postgres, password=secret, durable=durable)
        self.partners: Process | None = None
        self._settings = dict(settings or {})
        self._progress = progress
        self.services = {name: self.replica(name, 1, port=getattr(ports, name) or free_port()) for name in SERVICES}

    @property
    def postgres_url(self) -> str:
        """The superuser's URL of the services' database."""
        return self.postgres.url(DATABASE)

    def role_postgres_url(self, role: str) -> str:
        """Return the database URL of a service's role, or of the owner of its tables."""
        return self.postgres_url.replace(
            f"{SUPERUSER}:{password(self.keys, SUPERUSER)}", f"{role}:{password(self.keys, role)}"
        )

    def replica(self, service: str, number: int, *, port: int = 0) -> ServiceReplica:
        """Return one more replica of a service, not started; the caller starts and stops it."""
        name = f"{service}-{number}"
        return ServiceReplica(
            service,
            replica=name,
            port=port or free_port(),
            environment=self._environment_of(service),
            migrate_url=self.role_postgres_url(owner_of(service)),
            log=self.folder / "log" / f"{name}.log",
        )

    def environment(self) -> dict[str, str]:
        """Return the variables that a command needs to find this installation: the lines of `salur.env`."""
        found = {
            "SALUR_KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "SALUR_POSTGRES_URL": self.postgres_url,
            "SALUR_KEYS_FOLDER": str(self.keys),
            CLOCK_VARIABLE: str(self.clock_file),
        }
        for person, token in tokens_in(self.keys).items():
            found[f"SALUR_TOKEN_{person.upper().replace('-', '_')}"] = token
        for name, service in self.services.items():
            found[f"SALUR_{name.upper()}_URL"] = service.url
            prefix = f"{name.upper()}_"
            found[f"{prefix}MIGRATE_URL"] = service.migrate_url
            found |= {key: value for key, value in service.environment.items() if key.startswith(prefix)}
        return found

    def write_environment(self, path: Path) -> None:
        """Write `export NAME=value` lines, readable by the owner alone since they hold passwords."""
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(self.environment().items())]
        path.touch(mode=0o600)
        path.write_text("".join(lines))

    def set_clock(self, now: datetime) -> None:
        """Set the programme's clock to `now`; it runs on from there."""
        self.move_clock(int((now - datetime.now(UTC)).total_seconds()))

    def move_clock(self, offset_seconds: int) -> None:
        """Set the offset from real time in whole seconds; running processes follow within a second."""
        making = self.clock_file.with_suffix(".making")
        making.parent.mkdir(parents=True, exist_ok=True)
        making.write_text(f"{offset_seconds}\n")
        making.replace(self.clock_file)

    def attach(self, running: Iterable[Process]) -> None:
        """Take over processes that an earlier command left running; `start` does not start them again."""
        found = {process.name: process for process in running}
        self.kafka.process = found.get("kafka")
        self.postgres.process = found.get("postgres")
        self.partners = found.get("partners")
        for service in self.services.values():
            service.process = found.get(service.replica)

    def start(self) -> None:
        """Start everything but the partner simulator; stop what was started if any step fails."""
        try:
            self.start_infrastructure()
            self.prepare()
            self.start_services()
        except BaseException:
            self.stop()
            raise

    def start_infrastructure(self) -> None:
        """Start Kafka and PostgreSQL in parallel."""
        self._progress(f"Kafka on port {self.kafka.port}, PostgreSQL on port {self.postgres.port}")
        _run_in_parallel(*(server.start for server in (self.kafka, self.postgres) if not _is_running(server)))

    def prepare(self) -> None:
        """Make keys, clock, topics, database, roles and schemas, each unless it exists."""
        self._progress("keys, topics, roles, schemas")
        make_keys(self.keys, services=SERVICES, partners=PARTNERS)
        for recipient in KEYS_OF:
            hand_out(self.keys, recipient)
        if not self.clock_file.exists():
            self.move_clock(0)
        asyncio.run(self._create_topics_and_roles())
        _run_in_parallel(*(service.migrate for service in self.services.values()))

    def start_services(self) -> None:
        """Start the three services in parallel and return when all are ready."""
        missing = [service for service in self.services.values() if not _is_running(service)]
        for service in missing:
            self._progress(f"{service.name} on port {service.port}")
            service.launch()
        _run_in_parallel(*(service.wait_ready for service in missing))

    def start_partners(self, seconds: float = 60.0) -> None:
        """Start the simulator of all payment partners and return when it listens.

        The simulator then creates the file that `SALUR_READY_FILE` names.
        """
        self._progress("partner simulator")
        ready = self.folder / "run" / "partners.ready"
        ready.parent.mkdir(parents=True, exist_ok=True)
        ready.unlink(missing_ok=True)
        self.partners = Process.start(
            "partners",
            [sys.executable, "-m", "deploy.local.partners"],
            log=self.folder / "log" / "partners.log",
            environment=self._environment_of_partners() | {READY_VARIABLE: str(ready)},
            folder=ROOT,
        )
        self.partners.wait_until(ready.exists, seconds)

    def verify(self) -> list[str]:
        """Return the breaches that each service's `verify` reports; all services verify at the same time."""
        with ThreadPoolExecutor() as pool:
            return list(chain.from_iterable(pool.map(ServiceReplica.verify, self.services.values())))

    def stop(self) -> None:
        """Stop everything in good order, consumers first; the data stays."""
        if self.partners is not None:
            self.partners.stop()
        _run_in_parallel(*(service.stop for service in self.services.values()))
        _run_in_parallel(self.kafka.stop, self.postgres.stop)

    def kill(self) -> None:
        """Send SIGKILL to every process at once."""
        if self.partners is not None:
            self.partners.kill()
        _run_in_parallel(*(server.kill for server in self._servers()))

    def processes(self) -> list[Process]:
        """Return the started processes, in the order in which to stop them."""
        found = [self.partners, *(server.process for server in self._servers())]
        return [process for process in found if process is not None]

    def __enter__(self) -> Installation:
        self.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()

    def _servers(self) -> Sequence[ServiceReplica | Kafka | Postgres]:
        return (*self.services.values(), self.kafka, self.postgres)

    async def _create_topics_and_roles(self) -> None:
        await create_topics(self.kafka.bootstrap)
        await create_database(self.postgres.url())
        await create_roles(self.postgres_url, {role: password(self.keys, role) for role in ROLES})

    def _environment_of(self, service: str) -> dict[str, str]:
        # A service gets its own settings only: no other service's, and not the superuser's database URL.
        prefix = service.upper()
        foreign = ("SALUR_", "PG", *(f"{name.upper()}_" for name in SERVICES if name != service))
        given = {
            name: value for name, value in {**os.environ, **self._settings}.items() if not name.startswith(foreign)
        }
        given.pop(f"{prefix}_MIGRATE_URL", None)
        return {
            **given,
            f"{prefix}_POSTGRES_URL": self.role_postgres_url(service),
            f"{prefix}_KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            f"{prefix}_KEYS_FOLDER": str(self.keys / service),
            CLOCK_VARIABLE: str(self.clock_file),
        }

    def _environment_of_partners(self) -> dict[str, str]:
        """Return the partners' environment: their own keys, no URL of the database, and no token."""
        ours = ("SALUR_POSTGRES_", "SALUR_TOKEN_", "PG", *(f"{name.upper()}_" for name in SERVICES))
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
            "SALUR_LEDGERS_FOLDER": str(self.folder / "ledgers"),
            **self._settings,
            "SALUR_KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "SALUR_KEYS_FOLDER": str(self.keys / "partners"),
            CLOCK_VARIABLE: str(self.clock_file),
        }


def _is_running(server: ServiceReplica | Kafka | Postgres) -> bool:
    return server.process is not None and server.process.alive


def _run_in_parallel(*actions: Callable[[], object]) -> None:
    """Run actions in parallel, wait for all of them, and raise the first failure."""
    with ThreadPoolExecutor(max_workers=max(1, len(actions))) as pool:
        for running in [pool.submit(action) for action in actions]:
            running.result()
