"""Topics that were deleted and made anew under their name are not read as the old ones."""

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from shared.messaging.reading.consumer import CONSUMER_SETTINGS
from shared.messaging.reading.topic_ids import IdentifyingConsumer
from shared.messaging.reading.topic_inspector import TopicInspector
from tests.integration.messaging.toy_world import ToyWorld, a_goal, a_player, producer, until

SETTINGS = {name: CONSUMER_SETTINGS[name] for name in ("isolation_level", "auto_offset_reset", "fetch_max_wait_ms")}


async def read(consumer: IdentifyingConsumer, count: int) -> list[int]:
    offsets: list[int] = []
    while len(offsets) < count:
        for records in (await consumer.getmany(timeout_ms=100)).values():
            offsets += [record.offset for record in records]
    return offsets


async def test_reader_of_a_topic_does_not_read_a_new_one_of_its_name(world: ToyWorld) -> None:
    place = TopicPartition(world.league.requests, 0)
    await world.send(a_player("ana"), a_goal("ana", "g1"))
    consumer = IdentifyingConsumer(bootstrap_servers=world.bootstrap, enable_auto_commit=False, **SETTINGS)
    await consumer.start()
    consumer.topic_ids = old = await consumer.ask_ids([place.topic, "no-such-topic"])
    consumer.assign([place])
    consumer.seek(place, 0)
    assert await read(consumer, 2) == [0, 1]
    # It does not look while the topic is made anew and grows past it.
    consumer.pause(place)
    await world.rewrite(place.topic, [])
    await world.send(*(a_goal("bo", f"g{number}") for number in range(5)))
    consumer.resume(place)
    with pytest.raises(OffsetOutOfRangeError):
        await read(consumer, 1)
    new = await consumer.ask_ids([place.topic])
    assert list(old) == list(new) == [place.topic]
    assert old != new
    async with TopicInspector(world.bootstrap) as topics:
        assert set(await topics.records_at({place: 2}, new)) == {place}
        with pytest.raises(OffsetOutOfRangeError):
            await topics.records_at({place: 2}, old)
    await consumer.stop()


async def test_aborted_records_are_not_handed_out_by_id(world: ToyWorld) -> None:
    place = TopicPartition(world.league.requests, 0)
    async with producer(world.bootstrap, transactional_id=f"t-{world.league.suffix}") as kafka:
        for keep in (True, False, True):
            await kafka.begin_transaction()
            await kafka.send_and_wait(place.topic, b"kept" if keep else b"taken back", partition=0)
            await (kafka.commit_transaction() if keep else kafka.abort_transaction())
    async with TopicInspector(world.bootstrap) as topics:
        ids = await topics.ids([place.topic])
        assert (await topics.records_at({place: 0}, ids))[place].value == b"kept"
        assert place not in await topics.records_at({place: 2}, ids)


async def test_engine_reads_by_the_ids_it_has_verified(world: ToyWorld) -> None:
    async with world.running(world.league.service) as engine:
        await world.send(a_player("ana"))
        await world.until_count(world.league.service, "player", 1)
        consumer = engine._assignment.consumer
        assert consumer is not None
        assert set(consumer.topic_ids) == {world.league.requests}
        # As if it had been made anew since: nothing is read by the wrong id, and the right one is found.
        consumer.topic_ids = {world.league.requests: bytes(range(16))}
        await world.send(a_goal("ana", "g1"))
        await world.until_count(world.league.service, "goal", 1)

        async def found_anew() -> bool:
            return consumer.topic_ids != {world.league.requests: bytes(range(16))}

        await until(found_anew, "the topic is looked at again")
