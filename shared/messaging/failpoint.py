"""Named points at which a test may end the process. In production there is no listener."""

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
    """Call the listener at every point. Only the tests' own launcher of a service does this."""
    _listeners.append(listener)


def forget(listener: Callable[[str], None]) -> None:
    _listeners.remove(listener)


def hit(point: str) -> None:
    for listener in _listeners:
        listener(point)
