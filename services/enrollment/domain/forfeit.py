"""Forfeit: the rest of a balance returns to the treasury, and nothing can be bought with it any more."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ForfeitReason(StrEnum):
    FIRST_PURCHASE_LATE = "first_purchase_late"
    NEXT_PURCHASE_LATE = "next_purchase_late"
    CUT_OFF = "cut_off"


@dataclass(frozen=True, slots=True)
class Forfeit:
    """An amount of rupiah that is gone from a moment on, at which a deadline for buying or the cut-off had passed."""

    falls_at: datetime
    amount: int
    reason: ForfeitReason
