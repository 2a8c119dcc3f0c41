"""Blocks: a participant is paid nothing while no unblock is later than the latest block."""

from datetime import datetime
from typing import NamedTuple


class Block(NamedTuple):
    """Times of the latest block and the latest unblock of a participant; None: there was none."""

    participant_id: str
    lane: int
    blocked_at: datetime | None = None
    unblocked_at: datetime | None = None

    @property
    def is_blocked(self) -> bool:
        """True if the block is the later one; at the same time the block counts."""
        return self.blocked_at is not None and (self.unblocked_at is None or self.unblocked_at <= self.blocked_at)


def block(known: Block, at: datetime) -> Block:
    """Return the participant blocked at a time; an earlier one changes nothing."""
    return known if known.blocked_at is not None and at <= known.blocked_at else known._replace(blocked_at=at)


def unblock(known: Block, at: datetime) -> Block:
    """Return the participant unblocked at a time; an earlier one changes nothing."""
    return known if known.unblocked_at is not None and at <= known.unblocked_at else known._replace(unblocked_at=at)
