"""Meters: processor time, memory, log and disk that processes and the database have used."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

import psutil
from asyncpg import Connection

from deploy.local.installation import Installation
from deploy.local.processes import Process

PACKAGES = ("aiokafka", "asyncpg", "faststream", "pydantic")


@dataclass(frozen=True, slots=True)
class Reading:
    """`cpu_seconds` by process; `wal_bytes` and `disk_bytes` of the database."""

    cpu_seconds: dict[str, float]
    wal_bytes: int
    disk_bytes: int


async def read_meters(processes: Mapping[str, Process], connection: Connection) -> Reading:
    wal = await connection.fetchval("select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint")
    disk = await connection.fetchval("select pg_database_size(current_database())")
    return Reading({name: sum(map(_seconds, process_tree(one))) for name, one in processes.items()}, wal, disk)


def resident_megabytes(processes: Mapping[str, Process]) -> dict[str, float]:
    """Return the resident memory by process; memory shared with its children counts once."""
    found = {}
    for name, process in processes.items():
        members = process_tree(process)
        shares = [member.memory_full_info().pss if len(members) > 1 else member.memory_info().rss for member in members]
        found[name] = round(sum(shares) / 2**20, 1)
    return found


async def versions(connection: Connection) -> dict[str, str]:
    found = {package: version(package) for package in PACKAGES}
    return {"python": platform.python_version(), **found, "postgres": await connection.fetchval("show server_version")}


def processes_of(installation: Installation) -> dict[str, Process]:
    """Return the running processes of an installation by name: services, kafka, postgres, partners."""
    found = {name: service.process for name, service in installation.services.items()}
    found["kafka"], found["postgres"] = installation.kafka.process, installation.postgres.process
    found["partners"] = installation.partners
    return {name: process for name, process in found.items() if process is not None}


def process_tree(process: Process) -> list[psutil.Process]:
    """Return a process and all its descendants."""
    root = psutil.Process(process.pid)
    return [root, *root.children(recursive=True)]


def _seconds(process: psutil.Process) -> float:
    """Return the processor time of the process and of its ended children."""
    spent = process.cpu_times()
    return float(spent.user + spent.system + spent.children_user + spent.children_system)
