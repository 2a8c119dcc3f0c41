"""Options from the environment, checked before anything is started."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from shared.clock import EARLIEST, LATEST
from shared.errors import Refused


def number_option(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """Return a whole number from `least` to `most`; raise Refused for anything else."""
    text = environment.get(name) or str(default)
    if not re.fullmatch(r"[0-9]{1,15}", text) or not least <= int(text) <= most:
        raise Refused(f"{name} must be a whole number from {least} to {most}")
    return int(text)


def clock_option(environment: Mapping[str, str]) -> datetime | None:
    """Return the time in CLOCK, or None if it is not set.

    Raise Refused for a time that the clock cannot show.
    """
    text = environment.get("CLOCK")
    if not text:
        return None
    try:
        clock = datetime.fromisoformat(text)
        if EARLIEST <= clock <= LATEST:
            return clock
    except (TypeError, ValueError):
        # No time, or a time without a zone, which cannot be compared.
        pass
    raise Refused(f"CLOCK must look like 2023-02-18T03:00:00Z, and be from {EARLIEST:%Y-%m-%d} to {LATEST:%Y-%m-%d}")
