"""The text of a time, in tables and on the wire."""

from datetime import UTC, datetime
from typing import Literal


def write_time(moment: datetime, precision: Literal["auto", "microseconds"] = "auto") -> str:
    """Return an aware time as RFC 3339 in UTC with `Z`; "auto" writes a fraction only where there is one."""
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")
