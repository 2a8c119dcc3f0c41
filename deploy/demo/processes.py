"""What the demo does with processes, beside its event loop and in such a way that an interruption leaves none."""

import asyncio
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

from deploy.local.paths import ROOT
from deploy.local.services import ServiceReplica

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


def run_verb(service: ServiceReplica, *verb: str) -> "subprocess.CompletedProcess[str]":
    """One of the service's own commands."""
    command, environment = service.command(*verb), service.environment
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
