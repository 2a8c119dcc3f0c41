"""What the background check makes of what `verify` says. The process is a stand-in for it."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from shared.runtime.watch import Watch


def saying(text: str, status: int) -> Watch:
    return Watch((sys.executable, "-c", f"import sys; print({text!r}); sys.exit({status})"))


async def test_breaches_of_all_checks_of_an_invariant_are_counted_together() -> None:
    watch = saying("BROKEN I3 nothing is lost: one\nBROKEN I3 nothing is lost: two\nOK I3 nothing waits\nOK I1 all", 1)
    await watch.check()
    assert watch.breaches == {"I3": 2, "I1": 0}


async def test_what_could_not_be_checked_is_as_it_was_found_last() -> None:
    watch = saying("OK I1 all is well", 2)
    await watch.check()
    assert watch.breaches == {}


async def test_a_check_that_is_not_waited_for_any_more_does_not_go_on(tmp_path: Path) -> None:
    started = tmp_path / "started"
    command = f"import os, time; print(os.getpid(), file=open({str(started)!r}, 'w'), flush=True); time.sleep(600)"
    checking = asyncio.create_task(Watch((sys.executable, "-c", command)).check())
    async with asyncio.timeout(20):
        while not (started.exists() and started.read_text()):
            await asyncio.sleep(0.01)
    checking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await checking
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
