"""A process is ended by the one who may, and never mistaken for another."""

import json
import signal
import sys
from pathlib import Path

import psutil
import pytest

from deploy.local import processes
from deploy.local.ports import Deadline
from deploy.local.processes import DidNotStart, Process

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


def test_a_process_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    process = started(SLEEPER, tmp_path)
    assert process.stop(seconds=10)
    assert not process.alive


def test_a_process_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    process = started(STUBBORN, tmp_path)
    assert not process.stop(seconds=0.2)
    assert not process.alive


def test_a_kill_takes_the_children_too(tmp_path: Path) -> None:
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


def test_a_child_that_ends_while_it_is_looked_at_is_reaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_frozen_process_goes_on_when_it_is_thawed(tmp_path: Path) -> None:
    process = started(SLEEPER, tmp_path)
    process.freeze()
    assert process.alive
    process.thaw()
    assert process.stop(seconds=10)


def test_what_one_command_noted_another_can_end(tmp_path: Path) -> None:
    process = started(SLEEPER, tmp_path)
    process.save(tmp_path / "note.json")

    recalled = Process.find_saved(tmp_path / "note.json")

    assert recalled is not None
    assert recalled.pid == process.pid
    assert recalled.stop(seconds=10)
    assert Process.find_saved(tmp_path / "note.json") is None


def test_a_pid_that_passed_to_another_program_is_not_ours(tmp_path: Path) -> None:
    process = started(SLEEPER, tmp_path)
    note = tmp_path / "note.json"
    process.save(note)
    noted = json.loads(note.read_text())
    note.write_text(json.dumps(noted | {"started": noted["started"] - 3600}))

    assert Process.find_saved(note) is None
    process.stop(by=signal.SIGKILL)


def test_a_process_that_ends_at_once_says_its_last_words(tmp_path: Path) -> None:
    process = Process.start("brief", [sys.executable, "-c", "raise SystemExit('no port')"], log=tmp_path / "log")
    with pytest.raises(DidNotStart, match="no port"):
        process.wait_until(lambda: False, seconds=10)


def test_a_process_that_never_answers_is_given_up(tmp_path: Path) -> None:
    process = started(SLEEPER, tmp_path)
    with pytest.raises(DidNotStart, match=r"within 0\.1 s"):
        process.wait_until(lambda: False, seconds=0.1)
    process.kill()
