"""Blocks: a participant may buy nothing while blocked."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple


# A NamedTuple, since the latest one is the largest: of two at the same time the block.
class Block(NamedTuple):
    """A participant was blocked at a time, or (`blocked` False) unblocked."""

    at: datetime
    blocked: bool


def is_blocked_at(moment: datetime, blocks: Iterable[Block]) -> bool:
    """Return True if the latest of the blocks and unblocks up to this moment is a block."""
    latest = max((block for block in blocks if block.at <= moment), default=None)
    return latest is not None and latest.blocked
