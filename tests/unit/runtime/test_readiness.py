"""A process says why it is not ready."""

from aiokafka import TopicPartition

from shared.messaging.plan import EngineStatus
from shared.runtime.readiness import obstacles

READY = {"assigned": frozenset({TopicPartition("toy", 0)}), "anchored": True, "publishing": True}


def test_nothing_stands_in_the_way_of_a_process_that_reads_and_publishes() -> None:
    assert obstacles(EngineStatus(**READY)) == []  # type: ignore[arg-type]


def test_each_obstacle_is_named() -> None:
    assert obstacles(EngineStatus()) == [
        "Kafka has given no partitions to this process",
        "the publisher does not reach Postgres or Kafka",
    ]
    unanchored = EngineStatus(**READY | {"anchored": False, "outage": "refused"})  # type: ignore[arg-type]
    assert obstacles(unanchored) == [
        "the positions of its partitions have not been found yet",
        "an outage is under way: refused",
    ]
