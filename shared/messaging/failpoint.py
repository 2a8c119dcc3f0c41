"""Named points at which a test may end the process. In production nothing listens."""

from collections.abc import Callable

POINTS = (
    "before_begin",
    "before_commit",
    "after_commit",
    "in_publish",
    "after_publish",
    "after_note",
    "before_kafka_commit",
)

_listeners: list[Callable[[str], None]] = []


def listen(listener: Callable[[str], None]) -> None:
    """Called by the tests' own launcher of a service, and by nothing else."""
    _listeners.append(listener)


def forget(listener: Callable[[str], None]) -> None:
    _listeners.remove(listener)


def hit(point: str) -> None:
    for listener in _listeners:
        listener(point)
