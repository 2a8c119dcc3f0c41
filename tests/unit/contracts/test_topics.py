"""Topics, and the lane of a key."""

from typing import Any, get_args

import pytest
from aiokafka.partitioner import murmur2
from confluent_kafka import Producer

from shared.contracts import completion, enrollment, partner, payment, upstream
from shared.contracts.fields import Partner
from shared.contracts.topics import LANES, PARTNERS, TOPICS, disbursement_reports, disbursements, lane_of

# Hashes that the Java client gives, as signed 32-bit integers.
JAVA = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}


@pytest.mark.parametrize(("key", "hashed"), JAVA.items())
def test_key_is_hashed_as_by_java(key: str, hashed: int) -> None:
    assert murmur2(key.encode()) & 0xFFFFFFFF == hashed & 0xFFFFFFFF
    assert lane_of(key) == (hashed & 0x7FFFFFFF) % LANES


def test_librdkafka_partitions_keys_alike() -> None:
    """Its `murmur2_random` is asked itself: it partitions without a broker, over a cluster that it plays."""
    landed: dict[str, int] = {}

    def note(_error: Any, record: Any) -> None:
        landed[record.key().decode()] = record.partition()

    producer = Producer({"test.mock.num.brokers": 1, "partitioner": "murmur2_random", "log_level": 0})
    partitions = len(producer.list_topics("lanes", timeout=10).topics["lanes"].partitions)
    for key in (*JAVA, *(f"{number:016}" for number in range(200))):
        producer.produce("lanes", b"", key, on_delivery=note)
    assert producer.flush(20) == 0
    assert partitions > 1
    assert landed == {key: (murmur2(key.encode()) & 0x7FFFFFFF) % partitions for key in landed}
    assert len(landed) == len(JAVA) + 200


def test_every_lane_has_a_participant() -> None:
    assert {lane_of(f"{number:016}") for number in range(1000)} == set(range(LANES))


def test_participant_topics_have_a_partition_for_each_lane() -> None:
    assert {topic.name for topic in TOPICS if topic.partitions != LANES} == {"programme.registry", "treasury.funding"}


def test_every_type_has_an_existing_topic() -> None:
    names = {topic.name for topic in TOPICS} | {"disbursements", "disbursement-reports"}
    everything = (upstream, partner, enrollment, completion, payment)
    assert {event.topic for module in everything for event in module.EVENTS} <= names
    assert {event.topic for event in payment.TO_PARTNERS} <= names


def test_every_partner_in_the_contract_has_topics() -> None:
    assert get_args(Partner) == PARTNERS


def test_partner_has_a_topic_in_each_direction() -> None:
    assert (disbursements("bni"), disbursement_reports("bni")) == ("disbursements.bni", "disbursement-reports.bni")
