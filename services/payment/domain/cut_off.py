"""Cut-offs: when the money of a wave that is neither paid nor under way returns to the treasury."""

from datetime import datetime, timedelta
from typing import NamedTuple


class CutOff(NamedTuple):
    """Cut-off of a wave. `acts_at`: the time at which its lanes act upon it."""

    wave: str
    cut_off_at: datetime
    acts_at: datetime


def cut_off_of(wave: str, at: datetime, heard_at: datetime, wait_at_most: timedelta) -> CutOff:
    """Return the cut-off of a wave that is first heard of at `heard_at`.

    It acts when all that was on its way by then has had the time to come: an old wave that is read again, or a clock
    far ahead of the events, forfeits nothing that was earned in time.
    """
    return CutOff(wave, at, max(at, heard_at + wait_at_most))
