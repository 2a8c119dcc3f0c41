"""Kafka is emptied, or Postgres restored from an older copy, and the money is right afterwards."""

import pytest

from deploy.simulation.people import Fate
from deploy.simulation.story import cures, told_first
from tests.faults.world import World


async def test_internal_topics_that_are_emptied_are_filled_again_and_pay_nobody_twice(world: World) -> None:
    await world.send(world.newcomers(20))
    await world.in_order()
    for topic in ("enrollment.events", "completion.events", "payment.events"):
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


async def test_one_schema_restored_after_an_account_has_changed_asks_the_same_partner_for_the_same_payment(
    world: World,
) -> None:
    await world.send(world.newcomers(10))
    await world.in_order()
    copy = await world.copy_of_the_schema("payment")
    movers = world.people_of(Fate.SECOND_ACCOUNT, 12)
    await world.send(world.letters(event for person in movers for event in told_first(person, world.keys)))
    await world.in_order()
    await world.send(world.letters(event for person in movers for event in cures(person, world.keys)))
    await world.restore_schema("payment", copy)
    await world.send(world.newcomers(10))
    await world.in_order()
    paid = {payment.account for payment in world.payments()}
    assert paid.isdisjoint(person.second_account for person in movers)


async def test_kafka_lost_while_postgres_went_on_is_filled_again_and_read_on_where_an_operator_says(
    world: World,
) -> None:
    await world.send(world.newcomers(20))
    await world.in_order()
    read = {service: await world.external_places_read(service) for service in world.installation.services}
    await world.empty_kafka()
    for service, places in read.items():
        for place in places:
            await world.until_stopped(service, place, "topic_changed")
        await world.go_on_from_the_beginning(service)
    await world.send(world.newcomers(20))
    await world.in_order()
