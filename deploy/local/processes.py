"""Processes with a name and a log, started here or found again from a saved entry."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from deploy.local.ports import is_taken
from shared.errors import SalurError

# The kernel counts start times from its boot, whose time it may correct later.
SAME_START_WITHIN_SECONDS = 5.0
POLL_SECONDS = 0.01


class DidNotStart(SalurError):
    """A process ended or did not answer in time; the message shows the end of its log."""


class Deadline:
    """A point in time that a wait ends at."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    @property
    def passed(self) -> bool:
        return time.monotonic() > self._ends


def refuse_taken(port: int, name: str) -> None:
    """Raise DidNotStart if another program has the port, since that one would answer in our place."""
    if is_taken(port):
        raise DidNotStart(f"{name} did not start: port {port} is taken")


class Process:
    """One running process in a process group of its own, so that Ctrl-C reaches only the command that started it."""

    def __init__(self, name: str, process: psutil.Process, log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @classmethod
    def start(
        cls,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        user: str | None = None,
    ) -> Process:
        """Start a command with its output appended to `log`; `user` is a system user to run it as."""
        log.parent.mkdir(parents=True, exist_ok=True)
        as_user: dict[str, Any] = {"user": user, "group": user, "extra_groups": []} if user else {}
        with log.open("ab") as output:
            child = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                cwd=folder,
                start_new_session=True,
                **as_user,
            )
        # From here on psutil reaps the child; an exited child that is not reaped would look alive.
        child.returncode = 0
        return cls(name, psutil.Process(child.pid), log)

    @classmethod
    def find_saved(cls, path: Path) -> Process | None:
        """Return the saved process if it still runs, or None; pid and start time must both agree."""
        try:
            noted = json.loads(path.read_text())
            process = psutil.Process(noted["pid"])
            same = abs(process.create_time() - noted["started"]) < SAME_START_WITHIN_SECONDS
        except (FileNotFoundError, psutil.NoSuchProcess):
            return None
        found = cls(noted["name"], process, Path(noted["log"]))
        return found if same and found.alive else None

    def save(self, path: Path) -> None:
        """Save the process for `find_saved`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        started = self._process.create_time()
        path.write_text(json.dumps({"name": self.name, "pid": self.pid, "started": started, "log": str(self.log)}))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        """True while the process runs; reaps a child that has ended."""
        # Checked before reaping: a child that ended right after a failed wait would stay a zombie, and PostgreSQL takes
        # the pid of a zombie for a running server.
        if _runs(self._process):
            return True
        with contextlib.suppress(psutil.TimeoutExpired):
            self._process.wait(timeout=0)
        return False

    @property
    def frozen(self) -> bool:
        return bool(self._process.status() == psutil.STATUS_STOPPED)

    @property
    def cpu_seconds(self) -> float:
        """Processor time used so far by the process and its present children."""
        family = [self._process, *self._process.children(recursive=True)]
        times = [member.cpu_times() for member in family]
        return float(sum(spent.user + spent.system for spent in times))

    def wait_until(self, answers: Callable[[], bool], seconds: float) -> None:
        """Return once `answers()` is true; raise DidNotStart if the process ends before, or time is up."""
        deadline = Deadline(seconds)
        while not answers():
            if not self.alive:
                raise DidNotStart(f"{self.name} ended at once{self._log_tail()}")
            if deadline.passed:
                raise DidNotStart(f"{self.name} did not answer within {seconds:g} s{self._log_tail()}")
            time.sleep(POLL_SECONDS)

    def stop(self, seconds: float = 30.0, by: signal.Signals = signal.SIGTERM) -> bool:
        """Ask the process to end, and kill it after `seconds`; return whether it ended in time."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._process.send_signal(by)
        deadline = Deadline(seconds)
        while self.alive:
            if deadline.passed:
                self.kill()
                return False
            time.sleep(POLL_SECONDS)
        return True

    def kill(self) -> None:
        """Send SIGKILL to the process and all its children, and wait until they have ended."""
        with contextlib.suppress(psutil.NoSuchProcess):
            family = [self._process, *self._process.children(recursive=True)]
            for member in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
            deadline = Deadline(30)
            while self.alive or (any(map(_runs, family[1:])) and not deadline.passed):
                time.sleep(POLL_SECONDS)

    def freeze(self) -> None:
        """Send SIGSTOP."""
        self._process.suspend()

    def thaw(self) -> None:
        """Send SIGCONT."""
        self._process.resume()

    def _log_tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-15:] if self.log.exists() else []
        return f" (log: {self.log})\n" + "\n".join(lines)


def _runs(process: psutil.Process) -> bool:
    # A process that is not our child stays a zombie until its parent reaps it, which may take seconds. A zombie that
    # still has threads is still ending, and holds its ports and files.
    try:
        gone = process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
        return process.is_running() and not gone
    except psutil.NoSuchProcess:
        return False
