"""Up to which moment deadlines may act: what came in time and stands in the backlog beats the clock."""

from collections.abc import Mapping
from datetime import datetime

from aiokafka import TopicPartition

NEVER = datetime.fromisoformat("1970-01-01T00:00:00Z")


class Backlog:
    """Remembers the ends of all inputs as they were at some moment, and whether reading has come that far."""

    def __init__(self) -> None:
        self.read_through = NEVER
        self._asked_at = NEVER
        self._ends: Mapping[TopicPartition, int] | None = None

    @property
    def asks(self) -> bool:
        """Whether the ends are to be looked up anew."""
        return self._ends is None

    def note_ends(self, ends: Mapping[TopicPartition, int], now: datetime) -> None:
        """`now` must have been read before the ends were looked up."""
        self._ends, self._asked_at = ends, now

    def note_positions(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        """The positions of all partitions, those of other replicas included."""
        if self._ends is not None and all(next_offsets.get(place, 0) >= end for place, end in self._ends.items()):
            # Not the highest ever: a clock that was set back makes what was read through a matter of the future.
            self.read_through = self._asked_at
            self._ends = None

    def forget(self) -> None:
        """A new session: the database may have gone back, so what was read through may have to be read again."""
        self.read_through, self._ends = NEVER, None
