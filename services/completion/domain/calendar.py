"""The scheme counts calendar days, and a day is a day in Jakarta."""

from datetime import datetime, time, timedelta, timezone

JAKARTA = timezone(timedelta(hours=7), "WIB")  # No daylight saving since 1964.


def end_of_day(moment: datetime, days_later: int) -> datetime:
    """The midnight that ends the given calendar day after an aware moment; itself no longer part of that day."""
    day = moment.astimezone(JAKARTA).date() + timedelta(days=days_later + 1)
    return datetime.combine(day, time(), JAKARTA)
