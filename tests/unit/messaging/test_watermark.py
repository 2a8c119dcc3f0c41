"""Up to which moment the deadlines of each lane may act."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from aiokafka import TopicPartition

from shared.messaging.reading.watermark import NEVER, TOGETHER, HeldUp, Progress, Watermarks

NOON = datetime(2023, 2, 17, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LANES = (0, 1)
REQUESTS = [TopicPartition("requests", number) for number in LANES]
TOTALS = [TopicPartition("totals", number) for number in LANES]
PARTITIONS = {"requests": LANES, "totals": LANES}
ALL_READ: dict[TopicPartition, int] = dict.fromkeys([*REQUESTS, *TOTALS], 10)


def watermarks() -> Watermarks:
    """Two lanes; `requests` comes from outside, `totals` is internal. Each partition ends at 10 at noon."""
    marks = Watermarks({"requests": False, "totals": True})
    look_up(marks, NOON)
    return marks


def look_up(marks: Watermarks, now: datetime, end: int = 10) -> None:
    marks.note_ends(dict.fromkeys(marks.note_partitions(PARTITIONS), end), now)


def note(
    marks: Watermarks,
    offsets: Mapping[TopicPartition, int],
    *,
    settled: tuple[int, ...] = LANES,
    seconds: float = 0.0,
    **of_first: bool,
) -> None:
    progress = {place: Progress(offset) for place, offset in offsets.items()}
    for place in (REQUESTS[0], TOTALS[0]) if of_first else ():
        progress[place] = Progress(offsets.get(place, 0), **of_first)
    marks.note_progress(progress, settled, seconds)


def test_nothing_is_read_through_before_the_ends_were_looked_up() -> None:
    marks = Watermarks({"requests": False, "totals": True})
    marks.note_partitions(PARTITIONS)
    note(marks, ALL_READ)
    assert marks.of(0) == NEVER


def test_moment_is_read_through_once_every_input_has_come_to_its_end_of_then() -> None:
    marks = watermarks()
    note(marks, ALL_READ | {TOTALS[0]: 9})
    assert marks.of(0) == NEVER
    note(marks, ALL_READ | {TOTALS[0]: 17})
    assert marks.of(0) == NOON


def test_lane_does_not_wait_for_the_internal_partition_of_another() -> None:
    marks = watermarks()
    note(marks, ALL_READ | {TOTALS[1]: 9})
    assert (marks.of(0), marks.of(1)) == (NOON, NEVER)


def test_lane_waits_for_every_partition_of_an_external_topic_unless_the_deadline_does_not_name_it() -> None:
    marks = watermarks()
    note(marks, ALL_READ | {REQUESTS[1]: 9})
    assert marks.of(0) == NEVER
    assert marks.of(0, ("totals",)) == NOON


def test_lane_waits_for_its_own_records_that_are_to_be_taken_up() -> None:
    marks = watermarks()
    note(marks, ALL_READ, settled=(1,))
    assert (marks.of(0), marks.of(1)) == (NEVER, NOON)


def test_partition_in_which_a_number_is_missing_is_not_read_through() -> None:
    marks = watermarks()
    note(marks, ALL_READ, whole=False)
    assert marks.of(0, ("totals",)) == NEVER
    note(marks, ALL_READ)
    assert marks.of(0, ("totals",)) == NOON


def test_stopped_partition_is_not_read_through_wherever_it_stands() -> None:
    """It may be another topic under the same name, whose end is nearer."""
    marks = watermarks()
    note(marks, ALL_READ, stopped=True)
    assert marks.of(1, ("requests",)) == NEVER


def test_topic_that_ends_before_what_was_read_says_nothing() -> None:
    marks = watermarks()
    note(marks, ALL_READ)
    look_up(marks, NOON + MINUTE, end=3)
    note(marks, ALL_READ)
    assert marks.of(0) == NOON


def test_partition_that_nobody_has_ever_read_counts_as_unread() -> None:
    marks = watermarks()
    note(marks, {place: 10 for place in ALL_READ if place != REQUESTS[1]})
    assert marks.of(0, ("requests",)) == NEVER


def test_topic_whose_partitions_are_not_known_is_not_read_through() -> None:
    marks = Watermarks({"requests": False, "totals": True})
    marks.note_ends(dict.fromkeys(marks.note_partitions({"totals": LANES}), 0), NOON)
    note(marks, {})
    assert (marks.of(0, ("totals",)), marks.of(0)) == (NOON, NEVER)


def test_clock_set_back_takes_what_was_read_through_back_with_it() -> None:
    marks = watermarks()
    note(marks, ALL_READ)
    assert marks.of(0) == NOON
    look_up(marks, NOON - timedelta(days=1000))
    note(marks, ALL_READ)
    assert marks.of(0) == NOON - timedelta(days=1000)


def test_new_session_forgets_what_was_read_through() -> None:
    marks = watermarks()
    note(marks, ALL_READ)
    marks.forget()
    assert marks.of(0) == NEVER


def test_lanes_read_nearly_as_far_are_swept_together_and_one_far_behind_alone() -> None:
    marks = watermarks()
    note(marks, ALL_READ | {TOTALS[1]: 9})
    look_up(marks, NOON + 2 * TOGETHER)
    note(marks, ALL_READ)
    assert marks.groups(LANES, ("totals",), NOON + MINUTE) == [([0], NOON + MINUTE), ([1], NOON)]
    look_up(marks, NOON + 2 * TOGETHER)
    note(marks, ALL_READ)
    assert marks.groups(LANES, ("totals",), NOON + 2 * TOGETHER) == [([0, 1], NOON + 2 * TOGETHER)]


def test_what_nothing_can_beat_acts_at_once_in_all_lanes() -> None:
    assert watermarks().groups(LANES, (), NOON) == [([0, 1], NOON)]


def test_partition_that_stands_still_is_named_with_the_lanes_it_holds_up_and_since_when() -> None:
    marks = watermarks()
    note(marks, ALL_READ)
    look_up(marks, NOON + MINUTE, end=20)
    note(marks, dict.fromkeys(ALL_READ, 20) | {REQUESTS[0]: 10, TOTALS[0]: 10}, stopped=True)
    held = marks.held_up("close", LANES, None, seconds=0.0)
    assert held == [HeldUp("close", REQUESTS[0], NOON, LANES), HeldUp("close", TOTALS[0], NOON, (0,))]
    assert marks.held_up("close", LANES, (), seconds=0.0) == []


def test_partition_that_is_read_on_stands_still_only_once_it_has_not_moved_for_a_minute() -> None:
    marks = watermarks()
    for seconds, offset in ((0.0, 1), (50.0, 2), (100.0, 2)):
        note(marks, ALL_READ | {TOTALS[0]: offset}, seconds=seconds)
        assert marks.held_up("close", LANES, None, seconds=seconds) == []
    assert [held.place for held in marks.held_up("close", LANES, None, seconds=110.0)] == [TOTALS[0]]
