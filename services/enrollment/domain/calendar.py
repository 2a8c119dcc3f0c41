"""Deadlines are calendar days in Jakarta."""

from datetime import date, datetime, timedelta, timezone

JAKARTA = timezone(timedelta(hours=7), "WIB")  # No daylight saving since 1964.


def jakarta_day(moment: datetime) -> date:
    """The calendar day of an aware moment, as it is written in Jakarta."""
    return moment.astimezone(JAKARTA).date()


def is_within_days(moment: datetime, days: int, after: datetime) -> bool:
    """Whether a moment is not later than the end of the given calendar day after another."""
    return jakarta_day(moment) <= jakarta_day(after) + timedelta(days=days)


def age_on(birth_date: date, day: date) -> int:
    """Full years. Whoever was born on 29 February grows older on 1 March."""
    birthday_to_come = (day.month, day.day) < (birth_date.month, birth_date.day)
    return day.year - birth_date.year - birthday_to_come
