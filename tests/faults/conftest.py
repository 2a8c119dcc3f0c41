"""One installation for all fault tests of a module; each test repairs what it breaks."""

from collections.abc import AsyncIterator

import pytest

from tests.faults.world import FaultWorld, verified_world


@pytest.fixture(scope="module")
async def world() -> AsyncIterator[FaultWorld]:
    async with verified_world() as world:
        yield world
