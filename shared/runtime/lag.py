"""Consumer lag from the positions in Postgres and the ends in Kafka, even while no process consumes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiokafka import TopicPartition

from shared.messaging.reading.topic_inspector import TopicInspector
from shared.runtime.definition import Gauge


@dataclass(frozen=True, slots=True)
class Lag:
    """The lag in one partition, in records and in seconds since the oldest record not handled."""

    place: TopicPartition
    records: int
    seconds: float


class LagReader(TopicInspector):
    """A reader of ends and timestamps in Kafka; without an answer it raises an error of `is_kafka_error`."""

    async def lags(self, positions: Mapping[TopicPartition, int], real_now: datetime) -> list[Lag]:
        """Return the lag in each partition.

        Kafka's timestamps follow real time, so `real_now` must not come from the business clock.
        """
        ends = await self.ends(positions)
        behind = {place: offset for place, offset in positions.items() if offset < ends[place]}
        oldest = await self._timestamps_from(behind, ends) if behind else {}
        now = real_now.timestamp()
        return [
            Lag(
                place,
                max(0, ends[place] - offset),
                max(0.0, now - oldest[place] / 1000) if place in oldest else 0.0,
            )
            for place, offset in sorted(positions.items())
        ]

    async def _timestamps_from(
        self, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, int]:
        """Return the timestamp in ms of the first record at or after each offset, none where no record is left."""
        async with self._lock:
            beginnings = await self._offsets(starts, "beginning_offsets")
            spans = {place: (max(at, beginnings[place]), ends[place]) for place, at in starts.items()}
            return {place: record.timestamp for place, record in (await self._first_records(spans)).items()}


def add_unapplied(lags: Sequence[Lag], unapplied: Mapping[TopicPartition, tuple[int, float]]) -> list[Lag]:
    """Add records that were read and have had no effect yet: partition -> (records, seconds of the oldest)."""
    found = []
    for lag in lags:
        records, seconds = unapplied.get(lag.place, (0, 0.0))
        found.append(Lag(lag.place, lag.records + records, max(lag.seconds, seconds)))
    return found


def lag_gauges(group: str, lags: list[Lag]) -> list[Gauge]:
    """Return the lag as gauges under the names that dashboards know."""
    gauges = []
    for lag in lags:
        labels = {"group": group, "topic": lag.place.topic, "partition": str(lag.place.partition)}
        gauges.append(Gauge("kafka_consumergroup_group_lag", lag.records, labels))
        gauges.append(Gauge("kafka_consumergroup_group_lag_seconds", lag.seconds, labels))
    return gauges
