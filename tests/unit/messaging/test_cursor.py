"""How an internal record stands to what has been read."""

import pytest

from shared.messaging.position import Cursor, Position, Standing


def cursor(era: int = 5, last_sequence: int = 10) -> Cursor:
    return Cursor(Position("totals", 3, next_offset=40, era=era, last_sequence=last_sequence))


@pytest.mark.parametrize(
    ("era", "era_first", "sequence", "expected"),
    [
        (5, 1, 11, Standing.NEXT),
        (5, 1, 10, Standing.REPEAT),
        (5, 1, 3, Standing.REPEAT),
        (5, 1, 12, Standing.AHEAD),
        (4, 1, 11, Standing.REPEAT),
        (4, 1, 99, Standing.REPEAT),
        (6, 11, 11, Standing.NEXT),
        (6, 7, 7, Standing.NEXT),
        (6, 12, 12, Standing.AHEAD),
        (6, 7, 8, Standing.AHEAD),
    ],
)
def test_a_record_is_next_a_repeat_or_ahead(era: int, era_first: int, sequence: int, expected: Standing) -> None:
    assert cursor().standing(era, era_first, sequence) is expected


def test_a_newer_era_may_give_a_number_again_and_the_older_one_is_then_dropped() -> None:
    reader = cursor()
    assert reader.standing(6, 9, 9) is Standing.NEXT
    reader.accept(6, 9)
    assert reader.standing(5, 1, 11) is Standing.REPEAT
    assert reader.standing(6, 9, 10) is Standing.NEXT


def test_a_zombie_of_an_older_era_never_closes_a_gap() -> None:
    reader = cursor(era=6, last_sequence=9)
    assert reader.standing(5, 1, 10) is Standing.REPEAT


def test_a_cursor_that_read_nothing_leaves_the_position_as_it_was() -> None:
    position = Position("totals", 3, next_offset=40)
    assert Cursor(position).position() is position
