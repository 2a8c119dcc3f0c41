"""Watermarks: the latest times for which every record that could prevent a deadline has been read."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiokafka import TopicPartition

NEVER = datetime.fromisoformat("1970-01-01T00:00:00Z")
# Lanes whose watermarks differ by less are swept together, up to the lowest of them.
TOGETHER = timedelta(seconds=30)
STANDS_STILL_AFTER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of reading one partition.

    `whole` is False while a number before `next_offset` is missing. `stopped`: it is not read until an operator acts.
    """

    next_offset: int = 0
    whole: bool = True
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class HeldUp:
    """Lanes in which a timer's deadlines later than `since` do not act, because partition `place` is not being read."""

    timer: str
    place: TopicPartition
    since: datetime
    lanes: tuple[int, ...]


class Watermarks:
    """The ends of all input partitions as they were at some moment, compared with how far each is read.

    `internal` tells of each topic whether its partitions are lanes. A lane depends on its own partition of those, and
    on all partitions of the other topics, since a record of the lane may lie in any.
    """

    def __init__(self, internal: Mapping[str, bool]) -> None:
        self._internal = internal
        self._places: Mapping[str, Collection[int]] = {}
        self._ends: dict[TopicPartition, tuple[int, datetime]] = {}
        self._watermarks: dict[TopicPartition, datetime] = {}
        self._progress: dict[TopicPartition, tuple[Progress, float]] = {}
        self._idle_lanes: frozenset[int] = frozenset()

    def note_partitions(self, partitions: Mapping[str, Collection[int]]) -> list[TopicPartition]:
        """Note all partitions of each topic and return those whose ends are to be looked up now."""
        self._places = partitions
        places = [TopicPartition(topic, number) for topic in self._internal for number in partitions.get(topic, ())]
        return [place for place in places if place not in self._ends]

    def note_ends(self, ends: Mapping[TopicPartition, int], now: datetime) -> None:
        """Note ends; `now` was read before they were looked up.

        An end before what is read already belongs to another topic of the same name, and is ignored.
        """
        for place, end in ends.items():
            before, _ = self._progress.get(place, (Progress(), 0.0))
            if end >= before.next_offset:
                self._ends[place] = (end, now)

    def note_progress(
        self, progress: Mapping[TopicPartition, Progress], idle_lanes: Collection[int], seconds: float
    ) -> None:
        """Note how far each partition is read, those of other replicas included.

        `idle_lanes` are those in which no record is set aside or released, looked up after `progress`. `seconds` come
        from a monotonic clock.
        """
        self._idle_lanes = frozenset(idle_lanes)
        for place, (end, asked_at) in list(self._ends.items()):
            reached = progress.get(place, Progress())
            if reached.whole and not reached.stopped and reached.next_offset >= end:
                # Not the highest ever: after a clock was set back, the watermark would lie in the future.
                self._watermarks[place] = asked_at
                del self._ends[place]
            self._note_pace(place, reached, seconds)

    def _note_pace(self, place: TopicPartition, reached: Progress, seconds: float) -> None:
        before, since = self._progress.get(place, (None, seconds))
        waits = place in self._ends
        self._progress[place] = (reached, since if waits and before == reached else seconds)

    def forget(self) -> None:
        """Begin anew in a new session: its database may be an older copy."""
        self._ends.clear()
        self._watermarks.clear()
        self._progress.clear()
        self._idle_lanes = frozenset()

    def of(self, lane: int, topics: Collection[str] | None = None) -> datetime:
        """Return the lane's watermark: all that these topics (None: all topics) held by then has taken effect."""
        if lane not in self._idle_lanes:
            return NEVER
        return min((self._watermarks.get(place, NEVER) for place in self._awaited(lane, topics)), default=NEVER)

    def groups(
        self, lanes: Collection[int], topics: Collection[str] | None, now: datetime
    ) -> list[tuple[list[int], datetime]]:
        """Return groups of lanes that are swept together, each with its watermark.

        A lane that is far behind is in a group of its own, and delays no other. Without topics nothing can prevent
        the deadlines, and the watermark is `now`.
        """
        if topics is not None and not topics:
            return [(sorted(lanes), now)]
        moments = sorted(((min(self.of(lane, topics), now), lane) for lane in lanes), reverse=True)
        groups: list[tuple[list[int], datetime]] = []
        newest = now
        for moment, lane in moments:
            if not groups or newest - moment > TOGETHER:
                newest = moment
                groups.append(([], moment))
            groups[-1] = (sorted([*groups[-1][0], lane]), moment)
        return groups

    def held_up(self, timer: str, lanes: Sequence[int], topics: Collection[str] | None, seconds: float) -> list[HeldUp]:
        """Return the partitions that are not read on, though records lie there, and so delay the timer's deadlines."""
        lanes_of: dict[TopicPartition, list[int]] = {}
        for lane in lanes:
            for place in self._awaited(lane, topics):
                if self._stands_still(place, seconds):
                    lanes_of.setdefault(place, []).append(lane)
        return [HeldUp(timer, place, self._since(place), tuple(of)) for place, of in sorted(lanes_of.items())]

    def _stands_still(self, place: TopicPartition, seconds: float) -> bool:
        if place not in self._ends or place not in self._progress:
            return False
        progress, since = self._progress[place]
        return progress.stopped or not progress.whole or seconds - since >= STANDS_STILL_AFTER_SECONDS

    def _since(self, place: TopicPartition) -> datetime:
        return self._watermarks.get(place, self._ends[place][1])

    def _awaited(self, lane: int, topics: Collection[str] | None) -> Iterator[TopicPartition]:
        for topic in self._internal if topics is None else topics:
            known = self._places.get(topic, ())
            wanted: Iterable[int] = (lane,) if self._internal[topic] or not known else known
            yield from (TopicPartition(topic, number) for number in wanted)
