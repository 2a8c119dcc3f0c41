"""The readiness of a process, and the reasons against it."""

from collections.abc import Callable, Collection

from aiokafka import TopicPartition

from shared.contracts.topics import LANES
from shared.messaging.engine.status import EngineStatus
from shared.messaging.reading.watermark import HeldUp
from shared.times import write_time

EngineStatusSource = Callable[[], EngineStatus]


def unready_reasons(state: EngineStatus) -> list[str]:
    """Return a sentence for each reason of the engine why this process is not ready."""
    reasons = []
    if not state.assigned:
        reasons.append("Kafka has given no partitions to this process")
    elif not state.positioned:
        reasons.append("the positions of its partitions have not been found yet")
    if not state.publishing:
        reasons.append("the publisher does not reach Postgres or Kafka")
    if state.outage:
        reasons.append(f"an outage is under way: {state.outage}")
    return reasons


def stalled_deadlines(state: EngineStatus) -> list[str]:
    """Return a sentence for each partition that holds up deadlines while all else goes on."""
    by_place: dict[TopicPartition, list[HeldUp]] = {}
    for held in state.held_up:
        by_place.setdefault(held.place, []).append(held)
    return [
        f"deadlines in {_lanes({n for h in held for n in h.lanes})} wait for {place.topic}/{place.partition}"
        f" since {write_time(min(h.since for h in held))}: {', '.join(sorted(h.timer for h in held))}"
        for place, held in sorted(by_place.items())
    ]


def _lanes(numbers: Collection[int]) -> str:
    if len(numbers) == LANES:
        return "all lanes"
    return f"{'lane' if len(numbers) == 1 else 'lanes'} {', '.join(map(str, sorted(numbers)))}"
