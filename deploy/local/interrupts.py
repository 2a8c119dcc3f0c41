"""Orderly end of work that is interrupted."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def run_interruptible(work: Coroutine[Any, Any, T], report: Callable[[str], object]) -> T:
    """Run `work` and return its result; the first SIGINT or SIGTERM is reported and cancels it, later ones do nothing.

    Raise CancelledError after an interruption.
    """
    running = asyncio.create_task(work)
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        if not running.cancelling():
            report("stopping ...")
            running.cancel()

    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, interrupt)
    return await running
