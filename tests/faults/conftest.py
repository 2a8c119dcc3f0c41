"""One installation for all faults: whatever one test breaks must be whole again for the next."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from deploy.demo.watch import Watcher
from deploy.local.installation import Installation
from deploy.simulation.people import STORY_ENDS_AT
from tests.faults.world import World

SERVICES = ("ENROLLMENT", "COMPLETION", "PAYMENT")
QUICK = {f"{service}_{name}": "0.5" for service in SERVICES for name in ("SWEEP_EVERY_SECONDS", "LOOK_EVERY_SECONDS")}
PARTNERS = {"SALUR_PARTNERS_REPEATS": "3", "SALUR_PARTNERS_LATE_SECONDS": "0.5"}


@pytest.fixture(scope="module")
async def world() -> AsyncIterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="salur-faults-"))
    installation = Installation(folder, settings=QUICK | PARTNERS)
    installation.set_clock(STORY_ENDS_AT)
    try:
        await asyncio.to_thread(installation.start)
        await asyncio.to_thread(installation.start_partners)
        watcher = Watcher(installation.kafka.bootstrap)
        watching = asyncio.create_task(watcher.run())
        producer = AIOKafkaProducer(
            bootstrap_servers=installation.kafka.bootstrap, acks="all", enable_idempotence=True, max_batch_size=1 << 20
        )
        await producer.start()
        world = World(installation, watcher, producer)
        await world.open_the_programme()
        yield world
        for done in await asyncio.gather(*(world.verb(name, "verify") for name in installation.services)):
            assert done.returncode == 0, f"{done.args}: {done.stdout}{done.stderr}"
        await producer.stop()
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    finally:
        await asyncio.to_thread(installation.stop)
        shutil.rmtree(folder, ignore_errors=True)
