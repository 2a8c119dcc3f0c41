"""Blocks: a participant is paid nothing while the latest of all blocks and unblocks is a block."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple


class Block(NamedTuple):
    """A participant was blocked at a time, or (`blocked` False) unblocked."""

    at: datetime
    blocked: bool


def blocked_since(blocks: Collection[Block]) -> datetime | None:
    """Return the time of the first block after the latest unblock; None while the participant is not blocked.

    Of a block and an unblock at the same time the block counts.
    """
    if not blocks:
        return None
    unblocked_at = max((one.at for one in blocks if not one.blocked), default=None)
    lasting = [one.at for one in blocks if one.blocked and (unblocked_at is None or one.at >= unblocked_at)]
    return min(lasting, default=None)
