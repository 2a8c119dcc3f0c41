"""Real processes, Kafka and PostgreSQL under faults; each test ends with an audit and every invariant."""

import asyncio
from contextlib import suppress

import httpx
import pytest

from deploy.local.kafka import Kafka
from deploy.local.postgres import Postgres
from shared.messaging.failpoint import POINTS
from tests.faults.world import FaultWorld

TOPICS = {
    "enrollment": ["programme.registry", "enrollment.requests", "training.purchases", "completion.events"],
    "completion": ["enrollment.events", "training.attendance", "training.evidence"],
}


async def test_records_delivered_three_times_and_shuffled_pay_once(world: FaultWorld) -> None:
    await world.send(await world.three_times())
    await world.assert_consistent()


@pytest.mark.parametrize("point", POINTS)
async def test_services_killed_at_any_point_pay_once(world: FaultWorld, point: str) -> None:
    """Kill each service there once; each is restarted before the one upstream of it needs its events."""
    records = world.new_people_records(30)
    async with world.dying("payment", point), world.dying("completion", point), world.dying("enrollment", point):
        for part in (records[0::3], records[1::3], records[2::3]):
            await world.send(part)
    await world.assert_consistent()


@pytest.mark.parametrize("where", ["beginning", "end"])
@pytest.mark.parametrize("service", ["enrollment", "completion"])
async def test_reset_group_offsets_change_nothing(world: FaultWorld, service: str, where: str) -> None:
    records = world.new_people_records(30)
    await world.send(records[::2])
    one = world.installation.services[service]
    await asyncio.to_thread(one.kill)
    await world.send(records[1::2])
    await world.reset_offsets(service, TOPICS[service], where)
    await asyncio.to_thread(one.start)
    await world.assert_consistent()


@pytest.mark.parametrize("server", ["kafka", "postgres"])
async def test_server_killed_under_load_costs_nothing(world: FaultWorld, server: str) -> None:
    records = world.new_people_records(30)
    one: Kafka | Postgres = getattr(world.installation, server)
    await world.send(records[::2])
    await asyncio.to_thread(one.kill)
    await asyncio.to_thread(one.start)
    await world.send(records[1::2])
    await world.assert_consistent()


async def test_poison_among_good_records_is_parked_and_harms_no_other(world: FaultWorld) -> None:
    records = world.new_people_records(30)
    await world.send(records[::2])
    await world.send_poison()
    await world.send(records[1::2])
    await world.assert_consistent()


async def test_assignment_waiting_for_its_positions_skips_nothing(world: FaultWorld) -> None:
    records = world.new_people_records(30)
    one, postgres = world.installation.services["completion"], world.installation.postgres
    await asyncio.to_thread(one.kill)
    assert postgres.process is not None
    postgres.process.freeze()
    try:
        await asyncio.to_thread(one.launch)
        await world.send(records)

        async def up_and_not_ready() -> bool:
            with suppress(httpx.TransportError):
                live = await world.pages.get(f"{one.url}/health/live")
                return live.status_code == httpx.codes.OK and not await asyncio.to_thread(one.ready)
            return False

        await world.until(up_and_not_ready, "the service is live, but waits for its database")
    finally:
        postgres.process.thaw()
    await asyncio.to_thread(one.wait_ready)
    await world.assert_consistent()
