"""Kafka is emptied, or Postgres restored from an older copy, and the money is right afterwards."""

import pytest

from tests.faults.world import World


@pytest.mark.parametrize("topic", ["enrollment.events", "completion.events", "payment.events"])
async def test_an_internal_topic_that_is_emptied_is_filled_again_and_pays_nobody_twice(
    world: World, topic: str
) -> None:
    await world.send(world.newcomers(20))
    await world.in_order()
    await world.empty(topic)
    await world.send(world.newcomers(20))
    await world.in_order()


@pytest.mark.parametrize("running", [True, False], ids=["running", "down"])
async def test_a_database_restored_from_an_older_copy_asks_for_no_payment_anew(world: World, *, running: bool) -> None:
    await world.send(world.newcomers(20))
    await world.in_order()
    copy = await world.copy_of_the_database()
    await world.send(world.newcomers(20))
    await world.in_order()
    await world.restore(copy, services_running=running)
    await world.send(world.newcomers(20))
    await world.in_order()
