"""Settings of the Kafka clients: each whose default would be wrong for money is pinned."""

import pytest
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from shared.messaging.reading.consumer import CONSUMER_SETTINGS, PRODUCER_SETTINGS


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("isolation_level", "read_committed"),
        ("enable_auto_commit", False),
        ("auto_offset_reset", "none"),
        ("partition_assignment_strategy", (RangePartitionAssignor,)),
    ],
)
def test_consumer_reads_committed_records_and_commits_nothing_itself(name: str, value: object) -> None:
    assert CONSUMER_SETTINGS[name] == value


def test_group_timeouts_are_well_above_a_batch() -> None:
    assert CONSUMER_SETTINGS["session_timeout_ms"] >= 30_000
    assert CONSUMER_SETTINGS["rebalance_timeout_ms"] >= 60_000
    assert CONSUMER_SETTINGS["max_poll_interval_ms"] >= 600_000


def test_producer_waits_for_all_replicas_and_repeats_nothing() -> None:
    assert PRODUCER_SETTINGS["acks"] == "all"
    assert PRODUCER_SETTINGS["enable_idempotence"] is True
