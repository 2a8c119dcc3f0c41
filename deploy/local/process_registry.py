"""Registry of the processes that `make up` leaves running."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from pathlib import Path

from deploy.local.processes import Process

# Processes in the order in which they are stopped, consumers first, with the signal that ends each in good order; at
# SIGTERM PostgreSQL would wait for its sessions.
ORDER = {
    "partners": signal.SIGTERM,
    "enrollment-1": signal.SIGTERM,
    "completion-1": signal.SIGTERM,
    "payment-1": signal.SIGTERM,
    "kafka": signal.SIGTERM,
    "postgres": signal.SIGINT,
}
PORTS = "ports.json"


def save(processes: list[Process], ports: Mapping[str, int], folder: Path) -> None:
    """Save each process and its port under `folder`."""
    for process in processes:
        process.save(folder / f"{process.name}.json")
    (folder / PORTS).write_text(json.dumps(dict(ports)))


def still_running(folder: Path) -> list[Process]:
    """Return the saved processes that still run; a reused pid is not taken for one of them."""
    found = (Process.find_saved(folder / f"{name}.json") for name in ORDER)
    return [process for process in found if process is not None]


def ports_of(folder: Path) -> Mapping[str, int] | None:
    """Return the saved ports; None if none were saved."""
    path = folder / PORTS
    if not path.exists():
        return None
    ports: Mapping[str, int] = json.loads(path.read_text())
    return ports


def end(process: Process) -> bool:
    """Stop a process by the signal it ends in good order at; return whether it ended in time."""
    return process.stop(by=ORDER[process.name])


def forget(folder: Path) -> None:
    """Delete all saved entries."""
    for name in ORDER:
        (folder / f"{name}.json").unlink(missing_ok=True)
    (folder / PORTS).unlink(missing_ok=True)
