"""The reasons of a process that is not ready."""

from datetime import UTC, datetime

from aiokafka import TopicPartition

from shared.messaging.engine.status import EngineStatus
from shared.messaging.reading.watermark import HeldUp
from shared.runtime.readiness import stalled_deadlines, unready_reasons

READY = {"assigned": frozenset({TopicPartition("toy", 0)}), "positioned": True, "publishing": True}


def test_process_that_reads_and_publishes_is_ready() -> None:
    assert unready_reasons(EngineStatus(**READY)) == []  # type: ignore[arg-type]


def test_each_reason_against_readiness_is_named() -> None:
    assert unready_reasons(EngineStatus()) == [
        "Kafka has given no partitions to this process",
        "the publisher does not reach Postgres or Kafka",
    ]
    unanchored = EngineStatus(**READY | {"positioned": False, "outage": "refused"})  # type: ignore[arg-type]
    assert unready_reasons(unanchored) == [
        "the positions of its partitions have not been found yet",
        "an outage is under way: refused",
    ]


def test_partition_that_holds_up_deadlines_is_named_with_its_timers() -> None:
    since, place = datetime(2023, 2, 17, 12, tzinfo=UTC), TopicPartition("training.evidence", 5)
    lanes = tuple(range(12))
    state = EngineStatus(held_up=(HeldUp("give_up", place, since, lanes), HeldUp("expire", place, since, (3,))))
    sentence = "deadlines in all lanes wait for training.evidence/5 since 2023-02-17T12:00:00Z"
    assert stalled_deadlines(state) == [f"{sentence}: expire, give_up"]
    assert stalled_deadlines(EngineStatus()) == []
