"""A background check of the invariants: the service's own `verify`, in a process that gives way to all others."""

import asyncio
import time
from asyncio.subprocess import PIPE
from collections.abc import Mapping, Sequence

import structlog
from pydantic import TypeAdapter, ValidationError

from shared.runtime.invariants import InvariantResult

LOG = structlog.get_logger()
# After a start there is more urgent work. A round is followed by a pause of so many times its own length, so that it
# takes a twentieth of a core at most, and of that only what others leave.
FIRST_AFTER_SECONDS = 60.0
SHORTEST_PAUSE_SECONDS = 300.0
PAUSE_FACTOR = 20
COMPLETED_STATUSES = (0, 1)
RESULTS = TypeAdapter(list[InvariantResult])


class InvariantMonitor:
    """Runs `command`, a `verify --json`, again and again. `breaches` counts them by invariant, as found last."""

    def __init__(self, command: Sequence[str]) -> None:
        self.breaches: Mapping[str, int] = {}
        self._command = command
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the rounds and return at once."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End the rounds, and the process of one that is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def check(self) -> None:
        """Run one round; an invariant that could not be checked keeps its last count."""
        process = await asyncio.create_subprocess_exec(*self._command, stdout=PIPE, stderr=PIPE)
        try:
            output, errors = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        found = _count_breaches(output)
        self.breaches = {**self.breaches, **found}
        for invariant, number in found.items():
            if number:
                LOG.error("invariant_broken", invariant=invariant, breaches=number)
        # A program that fails may end with the status of one that has found a breach, but then it prints an error.
        if errors or process.returncode not in COMPLETED_STATUSES:
            last = errors.decode(errors="replace").strip().rpartition("\n")[2]
            LOG.warning("outage", part="invariants", status=process.returncode, error=last)

    async def _run(self) -> None:
        pause = FIRST_AFTER_SECONDS
        while True:
            await asyncio.sleep(pause)
            started = time.monotonic()
            try:
                await self.check()
            except Exception as error:  # noqa: BLE001 - what could not be checked is checked again later
                LOG.warning("outage", part="invariants", error=repr(error))
            pause = max(SHORTEST_PAUSE_SECONDS, PAUSE_FACTOR * (time.monotonic() - started))


def _count_breaches(output: bytes) -> Mapping[str, int]:
    """Sum up by invariant; a program that did not come to print its results has none."""
    try:
        results = RESULTS.validate_json(output)
    except ValidationError:
        return {}
    found: dict[str, int] = {}
    for result in results:
        found[result.id] = found.get(result.id, 0) + len(result.breaches)
    return found
