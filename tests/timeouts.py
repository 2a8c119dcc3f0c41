"""Bounds of waits in tests: each wait ends, and its failure names the condition and the place.

Kafka's client swallows a cancellation that arrives while it closes. Deadlines are therefore checked as well, and
hanging work is cancelled more than once.
"""

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")
Test = Callable[..., Coroutine[Any, Any, None]]

DEADLINE_SECONDS = 40.0
# Seconds that cancelled work has to clean up before it is cancelled again, and the number of attempts.
CANCEL_GRACE_SECONDS = 10.0
CANCEL_ATTEMPTS = 3


async def until(
    condition: Callable[[], Awaitable[object]], what: str, seconds: float = DEADLINE_SECONDS, *, every: float = 0.02
) -> Any:
    """Wait until the condition is true and return its value; fail with `what` at the deadline."""
    deadline = time.monotonic() + seconds
    late = AssertionError(f"did not come true in {seconds:g} s: {what}")
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            while not (answer := await condition()):
                if time.monotonic() > deadline:
                    raise late
                await asyncio.sleep(every)
            return answer
    except TimeoutError:
        if not limit.expired():
            raise
        raise late from None


async def within(seconds: float, what: str, work: Coroutine[Any, Any, Result]) -> Result:
    """Run some work and return its result; fail with `what` and the place it hangs at when time is up."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait([task], timeout=seconds)
        late = not task.done()
    finally:
        await _end(task)
    if not late:
        return task.result()
    try:
        task.result()
    except BaseException as where:
        raise AssertionError(f"not done in {seconds:g} s: {what}") from where
    raise AssertionError(f"not done in {seconds:g} s: {what}")


def bounded(test: Test, seconds: float) -> Test:
    """Bound a test in time; a hanging test is cancelled, so that its context managers clean up."""

    @functools.wraps(test)
    async def ends(*arguments: object, **named: object) -> None:
        await within(seconds, "the test ends", test(*arguments, **named))

    return ends


async def _end(task: asyncio.Task[Any]) -> None:
    for _ in range(CANCEL_ATTEMPTS):
        if task.done():
            return
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_GRACE_SECONDS)
