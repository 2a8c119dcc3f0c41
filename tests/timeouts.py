"""Waits with an end: nothing in the tests waits for ever, and what did not come says what it was and where it stood.

Kafka's client takes a cancellation that comes while it closes for that of its own tasks, and swallows it. So a deadline
is looked at besides, and whoever has not ended is told more than once.
"""

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")
Test = Callable[..., Coroutine[Any, Any, None]]

DEADLINE_SECONDS = 40.0
# What closes in an orderly way is left in peace for so long before it is told again, so many times in all.
CANCEL_GRACE_SECONDS = 10.0
CANCEL_ATTEMPTS = 3


async def until(
    condition: Callable[[], Awaitable[object]], what: str, seconds: float = DEADLINE_SECONDS, *, every: float = 0.02
) -> Any:
    """Wait for a condition to hold and return what it answered; fail with `what` at the deadline."""
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
    """Do some work and return what came of it; fail with `what`, and with where it stands, once time is up."""
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
    """End a test that takes too long as its own code would, so that its context managers put right what they must."""

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
