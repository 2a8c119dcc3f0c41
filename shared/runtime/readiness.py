"""When a process is ready to do its work, and what stands in the way."""

from collections.abc import Callable

from shared.messaging.plan import EngineStatus

EngineState = Callable[[], EngineStatus]


def obstacles(state: EngineStatus) -> list[str]:
    """Why this process is not ready as far as the engine goes, one sentence each; none when it is."""
    reasons = []
    if not state.assigned:
        reasons.append("Kafka has given no partitions to this process")
    elif not state.anchored:
        reasons.append("the positions of its partitions have not been found yet")
    if not state.publishing:
        reasons.append("the publisher does not reach Postgres or Kafka")
    if state.outage:
        reasons.append(f"an outage is under way: {state.outage}")
    return reasons
