"""The whole contents of a topic of the toy."""

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared.contracts.topics import LANES


async def read_all(bootstrap: str, topic: str) -> "list[ConsumerRecord[bytes, bytes]]":
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(topic, partition) for partition in range(LANES)]
        begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        left = {place for place in places if begins[place] < ends[place]}
        consumer.assign(list(left))
        for place in left:
            consumer.seek(place, begins[place])
        records: list[ConsumerRecord[bytes, bytes]] = []
        while left:
            for came in (await consumer.getmany(*left, timeout_ms=200)).values():
                records += came
            left = {place for place in left if await consumer.position(place) < ends[place]}
    finally:
        await consumer.stop()
    return sorted(records, key=lambda record: (record.partition, record.offset))
