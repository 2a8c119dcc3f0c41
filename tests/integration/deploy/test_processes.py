"""Processes: ended in good order, and never mistaken for others."""

import json
import signal
import sys
from pathlib import Path

import psutil
import pytest

from deploy.local import processes
from deploy.local.processes import Deadline, DidNotStart, Process

SLEEPER = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"]
STUBBORN = [
    *SLEEPER[:2],
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('here', flush=True); time.sleep(600)",
]


def started(command: list[str], folder: Path) -> Process:
    log = folder / "log"
    process = Process.start("sleeper", command, log=log)
    process.wait_until(lambda: b"here" in log.read_bytes(), seconds=10)
    return process


def test_process_ends_on_request(tmp_path: Path) -> None:
    process = started(SLEEPER, tmp_path)
    assert process.stop(seconds=10)
    assert not process.alive


def test_process_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    process = started(STUBBORN, tmp_path)
    assert not process.stop(seconds=0.2)
    assert not process.alive


def test_kill_ends_the_children_too(tmp_path: Path) -> None:
    parent = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    child = "import os, time; print(f'child {os.getpid()}', flush=True); time.sleep(600)"
    log = tmp_path / "log"
    process = Process.start("parent", [sys.executable, "-c", parent, child], log=log)
    process.wait_until(lambda: b"child" in log.read_bytes(), seconds=10)
    pid = int(log.read_text().split("child ")[1])

    process.kill()

    assert not process.alive
    status = Path(f"/proc/{pid}/stat")
    assert not status.exists() or status.read_text().split()[2] == "Z"


def test_child_that_ends_during_the_check_is_reaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = started(SLEEPER, tmp_path)
    child = psutil.Process(process.pid)

    def ends(looked_at: psutil.Process) -> bool:
        looked_at.kill()
        deadline = Deadline(10)
        while looked_at.status() != psutil.STATUS_ZOMBIE:
            assert not deadline.passed
        return False

    monkeypatch.setattr(processes, "_runs", ends)

    assert not process.alive
    assert not child.is_running()


def test_thawed_process_goes_on(tmp_path: Path) -> None:
    process = started(SLEEPER, tmp_path)
    process.freeze()
    assert process.alive
    process.thaw()
    assert process.stop(seconds=10)


def test_saved_process_can_be_ended_by_another_command(tmp_path: Path) -> None:
    process = started(SLEEPER, tmp_path)
    process.save(tmp_path / "note.json")

    recalled = Process.find_saved(tmp_path / "note.json")

    assert recalled is not None
    assert recalled.pid == process.pid
    assert recalled.stop(seconds=10)
    assert Process.find_saved(tmp_path / "note.json") is None


def test_reused_pid_is_not_taken_for_the_saved_process(tmp_path: Path) -> None:
    process = started(SLEEPER, tmp_path)
    note = tmp_path / "note.json"
    process.save(note)
    noted = json.loads(note.read_text())
    note.write_text(json.dumps(noted | {"started": noted["started"] - 3600}))

    assert Process.find_saved(note) is None
    process.stop(by=signal.SIGKILL)


def test_error_shows_the_log_of_a_process_that_ended_at_once(tmp_path: Path) -> None:
    process = Process.start("brief", [sys.executable, "-c", "raise SystemExit('no port')"], log=tmp_path / "log")
    with pytest.raises(DidNotStart, match="no port"):
        process.wait_until(lambda: False, seconds=10)


def test_process_that_never_answers_is_an_error(tmp_path: Path) -> None:
    process = started(SLEEPER, tmp_path)
    with pytest.raises(DidNotStart, match=r"within 0\.1 s"):
        process.wait_until(lambda: False, seconds=0.1)
    process.kill()
