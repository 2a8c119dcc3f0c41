"""Numbers of internal records, compared with the last one taken."""

import pytest

from shared.messaging.reading.position import Cursor, Position, SequenceCheck


def cursor(era: int = 5, last_sequence: int = 10) -> Cursor:
    return Cursor(Position("totals", 3, next_offset=40, era=era, last_sequence=last_sequence))


@pytest.mark.parametrize(
    ("era", "era_first", "sequence", "expected"),
    [
        (5, 1, 11, SequenceCheck.NEXT),
        (5, 1, 10, SequenceCheck.DUPLICATE),
        (5, 1, 3, SequenceCheck.DUPLICATE),
        (5, 1, 12, SequenceCheck.GAP),
        (4, 1, 11, SequenceCheck.DUPLICATE),
        (4, 1, 99, SequenceCheck.DUPLICATE),
        (6, 11, 11, SequenceCheck.NEXT),
        (6, 7, 7, SequenceCheck.NEXT),
        (6, 12, 12, SequenceCheck.GAP),
        (6, 7, 8, SequenceCheck.GAP),
    ],
)
def test_record_is_next_or_duplicate_or_after_a_gap(
    era: int, era_first: int, sequence: int, expected: SequenceCheck
) -> None:
    assert cursor().check_sequence(era, era_first, sequence) is expected


def test_newer_era_reuses_a_number_and_the_older_era_is_dropped() -> None:
    reader = cursor()
    assert reader.check_sequence(6, 9, 9) is SequenceCheck.NEXT
    reader.accept(6, 9)
    assert reader.check_sequence(5, 1, 11) is SequenceCheck.DUPLICATE
    assert reader.check_sequence(6, 9, 10) is SequenceCheck.NEXT


def test_record_of_an_older_era_never_closes_a_gap() -> None:
    reader = cursor(era=6, last_sequence=9)
    assert reader.check_sequence(5, 1, 10) is SequenceCheck.DUPLICATE


def test_cursor_without_a_record_leaves_the_position_unchanged() -> None:
    position = Position("totals", 3, next_offset=40)
    assert Cursor(position).position() is position
