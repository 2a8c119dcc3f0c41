"""Work that ends in good order when it is interrupted."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def run_interruptible(work: Coroutine[Any, Any, T], report: Callable[[str], object]) -> T:
    """The first signal cancels it, and says so; further ones change nothing about that. Raises CancelledError then."""
    running = asyncio.create_task(work)
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        if not running.cancelling():
            report("stopping ...")
            running.cancel()

    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, interrupt)
    return await running
