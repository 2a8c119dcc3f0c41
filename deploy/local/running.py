"""What `make up` left running: written down by one command, ended by another."""

from __future__ import annotations

from pathlib import Path

from deploy.local.processes import Process

# In the order in which they are ended: readers before what they read from.
ORDER = ("partners", "enrollment-1", "completion-1", "payment-1", "kafka", "postgres")


def write_down(processes: list[Process], folder: Path) -> None:
    """Note each process under `folder`."""
    for process in processes:
        process.note(folder / f"{process.name}.json")


def still_running(folder: Path) -> list[Process]:
    """Those that still run; a pid that has passed to another program is none of ours."""
    found = (Process.recall(folder / f"{name}.json") for name in ORDER)
    return [process for process in found if process is not None]


def forget(folder: Path) -> None:
    """Throw the notes away."""
    for name in ORDER:
        (folder / f"{name}.json").unlink(missing_ok=True)
