"""What the demo does with processes, beside its event loop and in such a way that an interruption leaves none."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")


async def in_thread(action: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Runs what blocks. Whoever is interrupted waits for its end, so that nothing is left half started."""
    running = asyncio.ensure_future(asyncio.to_thread(action, *arguments, **options))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        with suppress(Exception):
            await running
        raise
