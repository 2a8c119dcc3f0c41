"""Calendar days in Jakarta."""

from datetime import UTC, date, datetime

import pytest

from services.enrollment.domain.calendar import age_on, end_of_day, is_within_days, jakarta_day


def test_a_day_begins_at_midnight_in_jakarta() -> None:
    assert jakarta_day(datetime(2023, 2, 17, 16, 59, 59, tzinfo=UTC)) == date(2023, 2, 17)
    assert jakarta_day(datetime(2023, 2, 17, 17, 0, tzinfo=UTC)) == date(2023, 2, 18)


def test_a_day_ends_with_the_midnight_that_no_longer_belongs_to_it() -> None:
    assert end_of_day(date(2023, 12, 31)) == datetime(2023, 12, 31, 17, tzinfo=UTC)
    assert jakarta_day(end_of_day(date(2023, 12, 31))) == date(2024, 1, 1)


def test_a_deadline_lasts_to_the_end_of_its_day_whatever_the_hour_it_began() -> None:
    begun = datetime(2023, 2, 17, 1, tzinfo=UTC)
    assert is_within_days(datetime(2023, 3, 4, 16, 59, 59, tzinfo=UTC), 15, after=begun)
    assert not is_within_days(datetime(2023, 3, 4, 17, tzinfo=UTC), 15, after=begun)


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(2005, 2, 22), date(2023, 2, 21), 17),
        (date(2005, 2, 21), date(2023, 2, 21), 18),
        (date(2004, 2, 29), date(2022, 2, 28), 17),
        (date(2004, 2, 29), date(2022, 3, 1), 18),
        (date(1958, 2, 22), date(2023, 2, 21), 64),
    ],
)
def test_age_is_counted_in_full_years(born: date, day: date, age: int) -> None:
    assert age_on(born, day) == age
