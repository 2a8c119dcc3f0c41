"""Save, find and end the processes that `make up` leaves running."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from pathlib import Path

from deploy.local.processes import Process

# In the order in which they are ended, readers before what they read from, and the signal that ends each in good order:
# at SIGTERM PostgreSQL would wait for its sessions.
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
    """Save each process, and the ports that they have, under `folder`."""
    for process in processes:
        process.save(folder / f"{process.name}.json")
    (folder / PORTS).write_text(json.dumps(dict(ports)))


def still_running(folder: Path) -> list[Process]:
    """Those that still run; a pid that has passed to another program is none of ours."""
    found = (Process.find_saved(folder / f"{name}.json") for name in ORDER)
    return [process for process in found if process is not None]


def ports_of(folder: Path) -> Mapping[str, int] | None:
    """Return the ports that were saved; None if none were."""
    path = folder / PORTS
    if not path.exists():
        return None
    ports: Mapping[str, int] = json.loads(path.read_text())
    return ports


def end(process: Process) -> bool:
    """Ask it to end in good order; return whether it went by itself."""
    return process.stop(by=ORDER[process.name])


def forget(folder: Path) -> None:
    """Throw the notes away."""
    for name in ORDER:
        (folder / f"{name}.json").unlink(missing_ok=True)
    (folder / PORTS).unlink(missing_ok=True)
