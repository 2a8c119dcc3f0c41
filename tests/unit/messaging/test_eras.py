"""Ids of events by their numbers, from the eras of a topic and lane."""

import pytest

from shared.messaging.eras import Era, EventIds
from shared.messaging.reading.position import Cursor, Position
from shared.messaging.sequence_number import sequence_in

TOTALS = "totals"


def ids(*eras: tuple[int, int, int]) -> EventIds:
    return EventIds(3, [Era(TOTALS, 3, era, first, follows) for era, first, follows in eras])


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        (1, ["totals/3/100/1"]),
        (4, ["totals/3/100/4"]),
        (5, ["totals/3/200/5"]),
        (99, ["totals/3/200/99"]),
    ],
)
def test_number_belongs_to_the_era_that_had_begun(sequence: int, expected: list[str]) -> None:
    assert ids((100, 1, 0), (200, 5, 4)).of(TOTALS, sequence) == expected


def test_number_given_again_by_a_restored_producer_names_both_events() -> None:
    known = ids((100, 1, 0), (200, 3, 5), (300, 9, 8))
    assert known.of(TOTALS, 2) == ["totals/3/100/2"]
    assert known.of(TOTALS, 4) == ["totals/3/200/4", "totals/3/100/4"]
    assert known.of(TOTALS, 6) == ["totals/3/200/6"]


def test_number_older_than_the_table_names_no_event() -> None:
    assert ids((200, 5, 4)).of(TOTALS, 4) == []
    assert ids().of(TOTALS, 4) == []


def test_cursor_notes_each_era_that_begins() -> None:
    cursor = Cursor(Position(TOTALS, 3, next_offset=40, era=5, last_sequence=10))
    cursor.accept(5, 11)
    cursor.accept(6, 9)
    cursor.accept(6, 10)
    assert cursor.begun == [Era(TOTALS, 3, 6, 9, follows=11)]


def test_number_stands_at_the_end_of_an_id() -> None:
    assert sequence_in("enrollment.events/3/1700000000000000/17") == 17
