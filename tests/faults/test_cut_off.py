"""Kafka emptied, or PostgreSQL restored from an older copy: payments stay right."""

import pytest

from deploy.simulation.people import Persona
from deploy.simulation.timeline import cures, first_events
from tests.faults.world import FaultWorld


async def test_emptied_internal_topics_are_refilled_and_nobody_is_paid_twice(world: FaultWorld) -> None:
    await world.send(world.new_people_records(20))
    await world.assert_consistent()
    for topic in ("enrollment.events", "completion.events", "payment.events"):
        await world.empty_topic(topic)
    await world.send(world.new_people_records(20))
    await world.assert_consistent()


@pytest.mark.parametrize("running", [True, False], ids=["running", "down"])
async def test_restored_database_instructs_no_payment_again(world: FaultWorld, *, running: bool) -> None:
    await world.send(world.new_people_records(20))
    await world.assert_consistent()
    copy = await world.copy_database()
    await world.send(world.new_people_records(20))
    await world.assert_consistent()
    await world.restore_database(copy, services_running=running)
    await world.send(world.new_people_records(20))
    await world.assert_consistent()


async def test_restored_schema_keeps_payments_with_their_accounts(
    world: FaultWorld,
) -> None:
    await world.send(world.new_people_records(10))
    await world.assert_consistent()
    copy = await world.copy_schema("payment")
    movers = world.people_of(Persona.SECOND_ACCOUNT, 12)
    await world.send(
        world.repeated_and_shuffled(event for person in movers for event in first_events(person, world.keys))
    )
    await world.assert_consistent()
    await world.send(world.repeated_and_shuffled(event for person in movers for event in cures(person, world.keys)))
    await world.restore_schema("payment", copy)
    await world.send(world.new_people_records(10))
    await world.assert_consistent()
    paid = {payment.account for payment in world.payments()}
    assert paid.isdisjoint(person.second_account for person in movers)


async def test_lost_kafka_is_refilled_and_read_on_where_an_operator_decides(
    world: FaultWorld,
) -> None:
    await world.send(world.new_people_records(20))
    await world.assert_consistent()
    read = {service: await world.external_partitions_read(service) for service in world.installation.services}
    await world.empty_kafka()
    for service, places in read.items():
        for place in places:
            await world.until_stopped(service, place, "topic_changed")
        await world.resume_from_the_beginning(service)
    await world.send(world.new_people_records(20))
    await world.assert_consistent()
