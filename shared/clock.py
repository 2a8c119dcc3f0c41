"""One clock, passed in. A file may move it, so that services, simulators and tests share a time that is not now."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

VARIABLE = "SALUR_CLOCK_OFFSET_FILE"
READ_EVERY_SECONDS = 0.1
FARTHEST = timedelta(days=36_525)


class Clock:
    """Real time plus the whole seconds that a file holds; without a file, real time.

    The file is read again ten times a second, so that processes which share it hardly ever disagree. One that is
    missing, holds no number or would move the clock by more than a century counts as the last good offset.
    """

    def __init__(self, offset_file: Path | None = None) -> None:
        self._file = offset_file
        self._offset = timedelta()
        self._read_at = float("-inf")

    @classmethod
    def from_environment(cls) -> "Clock":
        named = os.environ.get(VARIABLE)
        return cls(Path(named) if named else None)

    def now(self) -> datetime:
        """The time in UTC."""
        if self._file is not None and time.monotonic() - self._read_at >= READ_EVERY_SECONDS:
            self._read_at = time.monotonic()
            self._offset = _offset_in(self._file, self._offset)
        return datetime.now(UTC) + self._offset


def _offset_in(file: Path, last: timedelta) -> timedelta:
    try:
        offset = timedelta(seconds=int(file.read_text()))
    except (OSError, OverflowError, ValueError):
        return last
    return offset if abs(offset) <= FARTHEST else last
