"""Calendar days in Jakarta, in which a scheme counts its periods."""

from datetime import datetime, time, timedelta, timezone

JAKARTA = timezone(timedelta(hours=7), "WIB")  # No daylight saving since 1964.


def end_of_day(moment: datetime, days_later: int) -> datetime:
    """Return the midnight that ends the calendar day `days_later` days after an aware moment.

    The midnight itself no longer belongs to that day.
    """
    day = moment.astimezone(JAKARTA).date() + timedelta(days=days_later + 1)
    return datetime.combine(day, time(), JAKARTA)
