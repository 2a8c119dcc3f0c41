"""The business clock. A file may move it, so that services, simulators and tests share a time that is not now."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shared.errors import SalurError

OFFSET_FILE_VARIABLE = "SALUR_CLOCK_OFFSET_FILE"
READ_EVERY_SECONDS = 0.1
# Events bear times of the years 2000 to 2099. A deadline is at most a year ahead, and a process may run on for another.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2098, 1, 1, tzinfo=UTC)
_OFFSET_BYTES = 32


class BadOffset(SalurError):
    """The file that moves the clock cannot be read; the message names the setting, not the content."""


class Clock:
    """Real time plus the whole seconds in a file; without a file, real time.

    The file is read again ten times a second, so that processes which share it hardly ever disagree. While it is
    missing, holds no number or would move the clock out of EARLIEST to LATEST, the last good offset counts.
    """

    def __init__(self, offset_file: Path | None = None, offset: timedelta = timedelta()) -> None:
        self._file = offset_file
        self._offset = offset
        self._read_at = float("-inf")

    @classmethod
    def from_environment(cls) -> "Clock":
        """Return the clock of this process.

        Raise BadOffset if the file cannot be read at the start: real time in its place would be a leap.
        """
        named = os.environ.get(OFFSET_FILE_VARIABLE)
        return cls.from_file(Path(named)) if named else cls()

    @classmethod
    def from_file(cls, offset_file: Path) -> "Clock":
        """Return the clock that a file moves; raise BadOffset if the file cannot be read."""
        offset = _read_offset(offset_file)
        if offset is None:
            raise BadOffset(
                f"{OFFSET_FILE_VARIABLE} must name a file with whole seconds that move the clock no farther than from "
                f"{EARLIEST:%Y-%m-%d} to {LATEST:%Y-%m-%d}"
            )
        return cls(offset_file, offset)

    def now(self) -> datetime:
        """Return the time in UTC."""
        if self._file is not None and time.monotonic() - self._read_at >= READ_EVERY_SECONDS:
            self._read_at = time.monotonic()
            if (offset := _read_offset(self._file)) is not None:
                self._offset = offset
        return datetime.now(UTC) + self._offset


def _read_offset(file: Path) -> timedelta | None:
    """Return the offset in a file; None if it holds none, or one beyond EARLIEST to LATEST."""
    try:
        with file.open("rb") as opened:
            offset = timedelta(seconds=int(opened.read(_OFFSET_BYTES)))
        return offset if EARLIEST <= datetime.now(UTC) + offset <= LATEST else None
    except (OSError, OverflowError, ValueError):
        return None
