"""One installation for the faults of a module: whatever one test breaks must be whole again for the next."""

from collections.abc import AsyncIterator

import pytest

from tests.faults.world import FaultWorld, verified_world


@pytest.fixture(scope="module")
async def world() -> AsyncIterator[FaultWorld]:
    async with verified_world() as world:
        yield world
