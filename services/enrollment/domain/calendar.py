"""Calendar days in Jakarta, in which a scheme counts its periods."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache

AHEAD_OF_UTC = timedelta(hours=7)  # No daylight saving since 1964.
JAKARTA = timezone(AHEAD_OF_UTC, "WIB")


def jakarta_day(moment: datetime) -> date:
    """Return the calendar day in Jakarta of an aware moment; in UTC, as times are here, it costs a quarter."""
    if moment.tzinfo is UTC:
        return (moment + AHEAD_OF_UTC).date()
    return moment.astimezone(JAKARTA).date()


@lru_cache(maxsize=10_000)
def end_of_day(day: date) -> datetime:
    """Return the midnight that ends a day in Jakarta; it no longer belongs to that day."""
    return datetime.combine(day + timedelta(days=1), time(), JAKARTA).astimezone(UTC)


def is_within_days(moment: datetime, days: int, after: datetime) -> bool:
    """Return True up to the end of the calendar day that is `days` days after the day of `after`."""
    return jakarta_day(moment) <= jakarta_day(after) + timedelta(days=days)


def age_on(birth_date: date, day: date) -> int:
    """Return the age in full years; a person born on 29 February turns a year older on 1 March."""
    birthday_to_come = (day.month, day.day) < (birth_date.month, birth_date.day)
    return day.year - birth_date.year - birthday_to_come
