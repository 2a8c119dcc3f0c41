"""What the background check makes of what `verify` says. The process is a stand-in for it."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shared.runtime.invariant_monitor import InvariantMonitor


def monitor_printing(text: str, status: int) -> InvariantMonitor:
    return InvariantMonitor((sys.executable, "-c", f"import sys; print({text!r}); sys.exit({status})"))


async def test_breaches_of_all_checks_of_an_invariant_are_counted_together() -> None:
    watch = monitor_printing(
        "BROKEN I3 nothing is lost: one\nBROKEN I3 nothing is lost: two\nOK I3 nothing waits\nOK I1 all", 1
    )
    await watch.check()
    assert watch.breaches == {"I3": 2, "I1": 0}


@pytest.mark.parametrize("status", [1, 2])
async def test_what_could_not_be_checked_is_as_it_was_found_last(status: int) -> None:
    watch = monitor_printing("OK I1 all is well", status)
    watch.breaches = {"I1": 3, "I2": 1}
    await watch.check()
    assert watch.breaches == {"I1": 0, "I2": 1}


async def test_a_check_that_fails_is_said_though_it_ends_as_one_that_found_a_breach() -> None:
    with capture_logs() as logs:
        await InvariantMonitor((sys.executable, "-c", "raise KeyError")).check()
    assert [(entry["event"], entry["status"], entry["error"]) for entry in logs] == [("outage", 1, "KeyError")]


async def test_a_breach_of_several_lines_is_one_breach() -> None:
    watch = monitor_printing("BROKEN I1 all is well: a\nb c\n\nd", 1)
    await watch.check()
    assert watch.breaches == {"I1": 1}


async def test_a_check_that_cannot_even_begin_does_not_end_the_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.runtime.invariant_monitor.FIRST_AFTER_SECONDS", 0.0)
    monkeypatch.setattr("shared.runtime.invariant_monitor.SHORTEST_PAUSE_SECONDS", 0.0)
    program = tmp_path / "verify"
    watch = InvariantMonitor((str(program),))
    await watch.start()
    await asyncio.sleep(0)
    program.write_text("#!/bin/sh\necho OK I1 all is well\n")
    program.chmod(0o700)
    async with asyncio.timeout(20):
        while not watch.breaches:
            await asyncio.sleep(0.01)
    await watch.stop()
    assert watch.breaches == {"I1": 0}


async def test_a_check_that_is_not_waited_for_any_more_does_not_go_on(tmp_path: Path) -> None:
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
