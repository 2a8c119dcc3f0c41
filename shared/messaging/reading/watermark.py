"""Watermarks: up to which moment the deadlines of each lane may act, since what came in time beats the clock."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiokafka import TopicPartition

NEVER = datetime.fromisoformat("1970-01-01T00:00:00Z")
# Lanes that have been read nearly as far as each other are swept together, up to the moment of the hindmost.
TOGETHER = timedelta(seconds=30)
STANDS_STILL_AFTER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a partition is read. `whole` False: a number before `next_offset` is known to be missing.

    `stopped`: nothing more is read there until somebody has acted.
    """

    next_offset: int = 0
    whole: bool = True
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class HeldUp:
    """Deadlines of a timer that have stood still `since` then in these lanes, because `place` is not read on."""

    timer: str
    place: TopicPartition
    since: datetime
    lanes: tuple[int, ...]


class Watermarks:
    """Remembers, for each partition, an end as it was at some moment, and whether reading has come that far.

    `internal` tells of each topic whether its partitions are lanes: a lane waits for its own of those, and for all
    partitions of the others, in any of which a record of it may lie.
    """

    def __init__(self, internal: Mapping[str, bool]) -> None:
        self._internal = internal
        self._places: Mapping[str, Collection[int]] = {}
        self._ends: dict[TopicPartition, tuple[int, datetime]] = {}
        self._watermarks: dict[TopicPartition, datetime] = {}
        self._progress: dict[TopicPartition, tuple[Progress, float]] = {}
        self._settled: frozenset[int] = frozenset()

    def note_partitions(self, partitions: Mapping[str, Collection[int]]) -> list[TopicPartition]:
        """Take note of all partitions of each topic and return those whose ends are to be looked up now."""
        self._places = partitions
        places = [TopicPartition(topic, number) for topic in self._internal for number in partitions.get(topic, ())]
        return [place for place in places if place not in self._ends]

    def note_ends(self, ends: Mapping[TopicPartition, int], now: datetime) -> None:
        """`now` must have been read before the ends were looked up.

        An end before what is read already is that of another topic under the same name: nothing follows from it.
        """
        for place, end in ends.items():
            before, _ = self._progress.get(place, (Progress(), 0.0))
            if end >= before.next_offset:
                self._ends[place] = (end, now)

    def note_progress(
        self, progress: Mapping[TopicPartition, Progress], settled: Collection[int], seconds: float
    ) -> None:
        """Take note of how far each partition is read, those of other replicas included.

        `settled` are the lanes in which no record is set aside or ready to be taken up, looked up after `progress`.
        `seconds`: of a clock that nobody moves.
        """
        self._settled = frozenset(settled)
        for place, (end, asked_at) in list(self._ends.items()):
            reached = progress.get(place, Progress())
            if reached.whole and not reached.stopped and reached.next_offset >= end:
                # Not the highest ever: a clock that was set back makes what was read through a matter of the future.
                self._watermarks[place] = asked_at
                del self._ends[place]
            self._note_pace(place, reached, seconds)

    def _note_pace(self, place: TopicPartition, reached: Progress, seconds: float) -> None:
        before, since = self._progress.get(place, (None, seconds))
        waits = place in self._ends
        self._progress[place] = (reached, since if waits and before == reached else seconds)

    def forget(self) -> None:
        """A new session: the database may have gone back, so what was read through may have to be read again."""
        self._ends.clear()
        self._watermarks.clear()
        self._progress.clear()
        self._settled = frozenset()

    def of(self, lane: int, topics: Collection[str] | None = None) -> datetime:
        """Return the moment up to which all that these topics held for the lane has taken effect; None: all topics."""
        if lane not in self._settled:
            return NEVER
        return min((self._watermarks.get(place, NEVER) for place in self._awaited(lane, topics)), default=NEVER)

    def groups(
        self, lanes: Collection[int], topics: Collection[str] | None, now: datetime
    ) -> list[tuple[list[int], datetime]]:
        """Return lanes that are swept together, each group with the moment up to which its deadlines may act.

        A lane that is far behind is in a group of its own, so that it holds up no other. Without topics nothing can
        beat what is due, so it acts at once.
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
        """Return what holds up the timer's deadlines in these lanes: partitions that stand still while records wait."""
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
