"""Blocking work on processes, run beside the demo's event loop."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")


async def in_thread(action: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Run a blocking function in a thread and return its result.

    A cancellation waits for the function to end first, so that nothing stays half started.
    """
    running = asyncio.ensure_future(asyncio.to_thread(action, *arguments, **options))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        with suppress(Exception):
            await running
        raise
