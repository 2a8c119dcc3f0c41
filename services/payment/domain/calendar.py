"""Calendar months in Jakarta, in which a scheme counts the incentives after the first."""

from calendar import monthrange
from datetime import datetime, timedelta, timezone

JAKARTA = timezone(timedelta(hours=7), "WIB")  # No daylight saving since 1964.


def months_later(moment: datetime, months: int) -> datetime:
    """Return the same time of day so many months after an aware moment, on the last day of a month that is shorter."""
    local = moment.astimezone(JAKARTA)
    years, month = divmod(local.month - 1 + months, 12)
    year, month = local.year + years, month + 1
    return local.replace(year=year, month=month, day=min(local.day, monthrange(year, month)[1]))
