"""Records that are lost, replaced or aborted: nothing is skipped, and nobody is paid for them."""

import asyncio

import asyncpg
from aiokafka import AIOKafkaProducer

from deploy.simulation.delivery import repeat_and_shuffle, send
from deploy.simulation.people import Persona, cohort
from deploy.simulation.timeline import funds_appropriated, timeline
from shared.contracts.topics import LANES
from tests.faults.world import FaultWorld

ABORTED_PEOPLE_FROM = 900_000
# Mark events as published that are in no topic, as if the broker had acknowledged and lost them.
LOSE_ONE_LANE = """
    with lost as (
        select lane, p.published, s.next_sequence from publication p join sequence s using (topic, lane)
        where topic = 'completion.events' and p.published < s.next_sequence - 1 order by lane limit 1)
    update publication p set published = lost.next_sequence - 1 from lost
    where p.topic = 'completion.events' and p.lane = lost.lane returning lost.lane, lost.published
"""


async def test_lost_internal_record_stops_only_its_lane_until_republished(
    world: FaultWorld,
) -> None:
    people = world.people_of(Persona.ORDINARY, 20)
    async with world.dying("completion", "after_commit") as dying:
        await world.send(
            world.repeated_and_shuffled(event for person in people for event in timeline(person, world.keys))
        )
        await world.until_ended(dying)
        connection = await asyncpg.connect(world.installation.role_postgres_url("completion"))
        lost = await connection.fetchrow(LOSE_ONE_LANE)
        await connection.close()
    assert lost is not None
    lane = lost["lane"]
    await world.send(world.new_people_records_in_lanes([lane]))
    await world.until_stopped("payment", f"lane {lane}", "gap")
    await world.until_stopped("enrollment", f"lane {lane}", "gap")
    await world.send(world.new_people_records(20))
    await world.until_paid_in(set(range(LANES)) - {lane})
    await world.operate("completion", "pages", "say-again", "--lane", str(lane), "--from", str(lost["published"] + 1))
    await world.assert_consistent()
    assert not await world.stopped("payment")


async def test_recreated_external_topic_is_not_read_until_positions_are_set(
    world: FaultWorld,
) -> None:
    await world.send(world.new_people_records(20))
    await world.assert_consistent()
    payment = world.installation.services["payment"]
    await asyncio.to_thread(payment.kill)
    await world.empty_topic("treasury.funding")
    money = [funds_appropriated("training", 1_000_000, f"AGAIN-{number}") for number in range(20)]
    await send(world.producer, repeat_and_shuffle(money, 7))
    await asyncio.to_thread(payment.start)
    await world.until_stopped("payment", "treasury.funding/0", "topic_changed")
    await world.send(world.new_people_records(20))
    await world.assert_consistent()
    assert await world.appropriations("AGAIN") == 0
    await world.operate("payment", "positions", "set", "treasury.funding", "0", "0", "--yes")
    await world.until_read_to_the_end()
    assert await world.appropriations("AGAIN") == len(money)
    await world.assert_consistent()


async def test_aborted_transactions_are_never_read_and_block_nothing(world: FaultWorld) -> None:
    aborted_people = cohort(1, 20, first_number=ABORTED_PEOPLE_FROM)
    aborted = repeat_and_shuffle([event for one in aborted_people for event in timeline(one, world.keys)], 3)
    producer = AIOKafkaProducer(
        bootstrap_servers=world.installation.kafka.bootstrap, transactional_id="upstream", max_batch_size=1 << 20
    )
    await producer.start()
    for records, end in (
        (aborted, producer.abort_transaction),
        (world.new_people_records(20), producer.commit_transaction),
        (aborted, producer.abort_transaction),
    ):
        await producer.begin_transaction()
        await send(producer, records)
        await end()
    await producer.stop()
    await world.assert_consistent()
    await world.until_read_to_the_end()
    assert world.observer.seen.admitted.isdisjoint(person.participant_id for person in aborted_people)
