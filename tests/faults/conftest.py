"""One installation for the faults of a module: whatever one test breaks must be whole again for the next."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.faults.world import World, a_world


@pytest.fixture(scope="module")
async def world() -> AsyncIterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="salur-faults-"))
    try:
        async with a_world(folder) as world:
            yield world
            for done in await asyncio.gather(*(world.verb(name, "verify") for name in world.installation.services)):
                assert done.returncode == 0, f"{done.args}: {done.stdout}{done.stderr}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
