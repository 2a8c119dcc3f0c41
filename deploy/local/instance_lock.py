"""Lock that lets one command of a kind run at a time."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from shared.errors import SalurError


class AlreadyRunning(SalurError):
    """Another process holds the lock."""


@contextlib.contextmanager
def hold_lock(lock: Path) -> Iterator[None]:
    """Hold the lock until the end of the block; the kernel releases it if the process dies.

    Raise AlreadyRunning if another process holds it.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"another run is under way ({lock} is held); wait for its end, or stop it") from None
        yield
