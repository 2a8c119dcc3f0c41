"""Watermarks: the moments up to which the deadlines of each lane may act."""

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


def test_watermark_needs_the_ends() -> None:
    marks = Watermarks({"requests": False, "totals": True})
    marks.note_partitions(PARTITIONS)
    note(marks, ALL_READ)
    assert marks.of(0) == NEVER


def test_watermark_rises_once_every_input_is_read_to_its_end() -> None:
    marks = watermarks()
    note(marks, ALL_READ | {TOTALS[0]: 9})
    assert marks.of(0) == NEVER
    note(marks, ALL_READ | {TOTALS[0]: 17})
    assert marks.of(0) == NOON


def test_watermark_ignores_internal_partitions_of_other_lanes() -> None:
    marks = watermarks()
    note(marks, ALL_READ | {TOTALS[1]: 9})
    assert (marks.of(0), marks.of(1)) == (NOON, NEVER)


def test_watermark_needs_all_partitions_of_a_named_external_topic() -> None:
    marks = watermarks()
    note(marks, ALL_READ | {REQUESTS[1]: 9})
    assert marks.of(0) == NEVER
    assert marks.of(0, ("totals",)) == NOON


def test_watermark_needs_released_records_of_its_lane_taken_up() -> None:
    marks = watermarks()
    note(marks, ALL_READ, settled=(1,))
    assert (marks.of(0), marks.of(1)) == (NEVER, NOON)


def test_missing_number_holds_the_watermark() -> None:
    marks = watermarks()
    note(marks, ALL_READ, whole=False)
    assert marks.of(0, ("totals",)) == NEVER
    note(marks, ALL_READ)
    assert marks.of(0, ("totals",)) == NOON


def test_stopped_partition_holds_the_watermark_at_any_offset() -> None:
    """Another topic of the same name may have a nearer end."""
    marks = watermarks()
    note(marks, ALL_READ, stopped=True)
    assert marks.of(1, ("requests",)) == NEVER


def test_end_before_the_position_is_ignored() -> None:
    marks = watermarks()
    note(marks, ALL_READ)
    look_up(marks, NOON + MINUTE, end=3)
    note(marks, ALL_READ)
    assert marks.of(0) == NOON


def test_partition_without_a_position_counts_as_unread() -> None:
    marks = watermarks()
    note(marks, {place: 10 for place in ALL_READ if place != REQUESTS[1]})
    assert marks.of(0, ("requests",)) == NEVER


def test_topic_with_unknown_partitions_holds_the_watermark() -> None:
    marks = Watermarks({"requests": False, "totals": True})
    marks.note_ends(dict.fromkeys(marks.note_partitions({"totals": LANES}), 0), NOON)
    note(marks, {})
    assert (marks.of(0, ("totals",)), marks.of(0)) == (NOON, NEVER)


def test_clock_set_back_takes_the_watermark_back() -> None:
    marks = watermarks()
    note(marks, ALL_READ)
    assert marks.of(0) == NOON
    look_up(marks, NOON - timedelta(days=1000))
    note(marks, ALL_READ)
    assert marks.of(0) == NOON - timedelta(days=1000)


def test_new_session_forgets_the_watermarks() -> None:
    marks = watermarks()
    note(marks, ALL_READ)
    marks.forget()
    assert marks.of(0) == NEVER


def test_lanes_with_near_watermarks_form_a_group_and_a_late_one_its_own() -> None:
    marks = watermarks()
    note(marks, ALL_READ | {TOTALS[1]: 9})
    look_up(marks, NOON + 2 * TOGETHER)
    note(marks, ALL_READ)
    assert marks.groups(LANES, ("totals",), NOON + MINUTE) == [([0], NOON + MINUTE), ([1], NOON)]
    look_up(marks, NOON + 2 * TOGETHER)
    note(marks, ALL_READ)
    assert marks.groups(LANES, ("totals",), NOON + 2 * TOGETHER) == [([0, 1], NOON + 2 * TOGETHER)]


def test_deadline_that_no_topic_beats_acts_at_once_in_all_lanes() -> None:
    assert watermarks().groups(LANES, (), NOON) == [([0, 1], NOON)]


def test_standing_partition_is_named_with_its_lanes_and_the_time() -> None:
    marks = watermarks()
    note(marks, ALL_READ)
    look_up(marks, NOON + MINUTE, end=20)
    note(marks, dict.fromkeys(ALL_READ, 20) | {REQUESTS[0]: 10, TOTALS[0]: 10}, stopped=True)
    held = marks.held_up("close", LANES, None, seconds=0.0)
    assert held == [HeldUp("close", REQUESTS[0], NOON, LANES), HeldUp("close", TOTALS[0], NOON, (0,))]
    assert marks.held_up("close", LANES, (), seconds=0.0) == []


def test_partition_stands_still_after_a_minute_without_progress() -> None:
    marks = watermarks()
    for seconds, offset in ((0.0, 1), (50.0, 2), (100.0, 2)):
        note(marks, ALL_READ | {TOTALS[0]: offset}, seconds=seconds)
        assert marks.held_up("close", LANES, None, seconds=seconds) == []
    assert [held.place for held in marks.held_up("close", LANES, None, seconds=110.0)] == [TOTALS[0]]
