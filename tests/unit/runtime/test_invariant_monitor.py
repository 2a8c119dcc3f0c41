"""The counts that the background check takes from `verify --json`. A stand-in prints in its place."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shared.runtime.invariant_monitor import InvariantMonitor


def result(id_: str, *breaches: str) -> dict[str, object]:
    return {"id": id_, "sentence": "all is well", "holds": not breaches, "breaches": breaches}


def monitor_printing(*results: dict[str, object], status: int) -> InvariantMonitor:
    return InvariantMonitor((sys.executable, "-c", f"import sys; print({json.dumps(results)!r}); sys.exit({status})"))


async def test_breaches_of_all_checks_of_one_invariant_are_added_up() -> None:
    monitor = monitor_printing(result("I3", "one", "two"), result("I3"), result("I1"), status=1)
    await monitor.check()
    assert monitor.breaches == {"I3": 2, "I1": 0}


@pytest.mark.parametrize("status", [1, 2])
async def test_invariant_that_was_not_checked_keeps_its_last_count(status: int) -> None:
    monitor = monitor_printing(result("I1"), status=status)
    monitor.breaches = {"I1": 3, "I2": 1}
    await monitor.check()
    assert monitor.breaches == {"I1": 0, "I2": 1}


async def test_failing_check_is_logged_though_its_status_is_that_of_a_breach() -> None:
    with capture_logs() as logs:
        await InvariantMonitor((sys.executable, "-c", "raise KeyError")).check()
    assert [(entry["event"], entry["status"], entry["error"]) for entry in logs] == [("outage", 1, "KeyError")]


async def test_output_cut_off_keeps_all_counts() -> None:
    monitor = InvariantMonitor((sys.executable, "-c", 'print(\'[{"id": "I1", "brea\')'))
    monitor.breaches = {"I1": 3}
    await monitor.check()
    assert monitor.breaches == {"I1": 3}


async def test_check_that_cannot_begin_does_not_end_the_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.runtime.invariant_monitor.FIRST_AFTER_SECONDS", 0.0)
    monkeypatch.setattr("shared.runtime.invariant_monitor.SHORTEST_PAUSE_SECONDS", 0.0)
    program = tmp_path / "verify"
    monitor = InvariantMonitor((str(program),))
    await monitor.start()
    await asyncio.sleep(0)
    program.write_text(f"#!/bin/sh\necho '{json.dumps([result('I1')])}'\n")
    program.chmod(0o700)
    async with asyncio.timeout(20):
        while not monitor.breaches:
            await asyncio.sleep(0.01)
    await monitor.stop()
    assert monitor.breaches == {"I1": 0}


async def test_cancelled_check_kills_its_process(tmp_path: Path) -> None:
    started = tmp_path / "started"
    command = f"import os, time; print(os.getpid(), file=open({str(started)!r}, 'w'), flush=True); time.sleep(600)"
    checking = asyncio.create_task(InvariantMonitor((sys.executable, "-c", command)).check())
    async with asyncio.timeout(20):
        while not (started.exists() and started.read_text()):
            await asyncio.sleep(0.01)
    checking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await checking
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
