"""Days and months in Jakarta, where the programme's calendar is kept."""

from calendar import monthrange
from datetime import date, datetime, timedelta, timezone

JAKARTA = timezone(timedelta(hours=7))


def jakarta_day(moment: datetime) -> date:
    return moment.astimezone(JAKARTA).date()


def end_of_day(day: date, days_later: int = 0) -> datetime:
    """Return the midnight with which the day so many days later ends."""
    return datetime.combine(day + timedelta(days=days_later + 1), datetime.min.time(), JAKARTA)


def months_later(moment: datetime, months: int) -> datetime:
    """Return the same time of day, calendar months later or on the last day of a shorter month."""
    local = moment.astimezone(JAKARTA)
    year, month = local.year + (local.month - 1 + months) // 12, (local.month - 1 + months) % 12 + 1
    return local.replace(year=year, month=month, day=min(local.day, monthrange(year, month)[1]))
