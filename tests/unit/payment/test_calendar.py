"""Calendar months in Jakarta."""

from datetime import UTC, datetime, timedelta

import pytest

from services.payment.domain.calendar import JAKARTA, months_later


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        ((2024, 1, 15), 1, (2024, 2, 15)),
        ((2024, 1, 31), 1, (2024, 2, 29)),
        ((2023, 1, 31), 1, (2023, 2, 28)),
        ((2023, 1, 31), 2, (2023, 3, 31)),
        ((2023, 1, 31), 3, (2023, 4, 30)),
        ((2024, 2, 29), 1, (2024, 3, 29)),
        ((2024, 2, 29), 12, (2025, 2, 28)),
        ((2023, 12, 31), 2, (2024, 2, 29)),
        ((2023, 11, 30), 1, (2023, 12, 30)),
        ((2023, 11, 30), 3, (2024, 2, 29)),
        ((2100, 1, 31), 1, (2100, 2, 28)),
    ],
)
def test_a_month_later_is_the_same_day_or_the_last_of_a_shorter_month(
    day: tuple[int, int, int], months: int, expected: tuple[int, int, int]
) -> None:
    time = (8, 30, 15, 7)
    assert months_later(datetime(*day, *time, tzinfo=JAKARTA), months) == datetime(*expected, *time, tzinfo=JAKARTA)


def test_the_day_is_that_of_jakarta() -> None:
    """The evening of 30 January in UTC is the last day of the month there, and February has no such day."""
    evening = datetime(2023, 1, 30, 17, tzinfo=UTC)
    assert months_later(evening, 1) == datetime(2023, 2, 27, 17, tzinfo=UTC)
    last_moment = timedelta(days=1) - timedelta(microseconds=1)
    assert months_later(evening + last_moment, 1) == datetime(2023, 2, 28, 16, 59, 59, 999_999, tzinfo=UTC)
    assert months_later(evening + timedelta(days=1), 1) == datetime(2023, 2, 28, 17, tzinfo=UTC)
