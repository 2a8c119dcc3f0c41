"""Funds: nothing is instructed without money of its wave behind it.

A lane draws money from its wave in blocks, so that lanes do not queue for one row; what it has drawn and not spent is
its purse. Disbursements are paid in order of age, and none overtakes an older one for which the money does not last.
"""

from collections.abc import Sequence
from typing import NamedTuple

from services.payment.domain.right import Component


class Pot(NamedTuple):
    """Money of one wave for one component, in rupiah."""

    wave: str
    component: Component


class Purse(NamedTuple):
    """A lane's part of a pot."""

    lane: int
    wave: str
    component: Component

    @property
    def pot(self) -> Pot:
        return Pot(self.wave, self.component)


def affordable(amounts: Sequence[int], money: int) -> tuple[int, int]:
    """How many of the amounts, taken in order, the money lasts for, and their sum."""
    spent = 0
    for count, amount in enumerate(amounts):
        if spent + amount > money:
            return count, spent
        spent += amount
    return len(amounts), spent


def to_draw(amounts: Sequence[int], free: int, central: int, block: int) -> int:
    """What a lane with `free` in its purse takes from the `central` rest to pay the amounts.

    A block while there is plenty; when money is short, only what can be spent at once.
    """
    short = sum(amounts) - free
    if short <= 0:
        return 0
    wanted = max(block, short)
    if central >= wanted:
        return wanted
    _, spent = affordable(amounts, free + central)
    return max(0, spent - free)
