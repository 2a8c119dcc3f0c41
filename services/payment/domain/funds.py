"""Funds: nothing is instructed without money of its wave behind it.

A lane draws money from its wave in blocks, so that lanes do not queue for one row; what it has drawn and not spent is
its purse. While somebody waits for money it is short: nobody draws blocks, and whoever is paid is paid in order of age
over all lanes. None overtakes an older one for which the money does not last.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from services.payment.domain.disbursement import Disbursement
from services.payment.domain.right import Component

Age = tuple[datetime, str, str]


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


class Balance(NamedTuple):
    """Tell the rupiah that nobody has drawn or spent, and whether somebody waits for money of the pot."""

    free: int
    short: bool


class Waiting(NamedTuple):
    """A disbursement that waits for money, in whatever lane. Sorts by age."""

    age: Age
    lane: int
    amount: int

    @property
    def right(self) -> tuple[str, str]:
        return self.age[1:]


Queues = Mapping[Purse, Sequence[Disbursement]]


class Share(NamedTuple):
    """Name who is paid, what each purse spends for it, and what it draws; negative: gives back."""

    paid: Sequence[Disbursement]
    spent: Mapping[Purse, int]
    drawn: Mapping[Purse, int]


def pot_of(disbursement: Disbursement) -> Pot:
    """Return the pot that pays a disbursement."""
    return Pot(disbursement.wave, disbursement.component)


def purse_of(disbursement: Disbursement) -> Purse:
    """Return the purse that pays a disbursement."""
    return Purse(disbursement.lane, disbursement.wave, disbursement.component)


def waiting_of(disbursement: Disbursement) -> Waiting:
    """Return the place that a disbursement has, or would take, in the queue of its pot."""
    return Waiting(disbursement.age, disbursement.lane, disbursement.amount)


def affordable(amounts: Sequence[int], money: int) -> tuple[int, int]:
    """How many of the amounts, taken in order, the money lasts for, and their sum."""
    spent = 0
    for count, amount in enumerate(amounts):
        if spent + amount > money:
            return count, spent
        spent += amount
    return len(amounts), spent


def share(queues: Queues, free: Mapping[Purse, int], central: int, block: int) -> Share:
    """Share out money of a pot for which nobody waits yet.

    While there is plenty, a purse that falls short draws a block, or more where more is needed. Else all that the
    `central` rest and these purses hold goes to the oldest of all their lanes, and nothing stays in the purses.
    """
    needed = {purse: sum([d.amount for d in queue]) for purse, queue in queues.items()}
    drawn = {purse: max(block, amount - free[purse]) for purse, amount in needed.items() if amount > free[purse]}
    if sum(drawn.values()) <= central:
        return Share([d for queue in queues.values() for d in queue], needed, drawn)
    every = oldest_first(queues)
    count, _ = affordable([d.amount for d in every], central + sum(free.values()))
    spent = taken_from_purses(every[:count])
    return Share(every[:count], spent, {purse: spent[purse] - free[purse] for purse in queues})


def share_in_turn(paid: Sequence[Disbursement]) -> Share:
    """Pay those whose turn it is in a pot that is short: purses draw what they spend, and no more."""
    spent = taken_from_purses(paid)
    return Share(paid, spent, spent)


def oldest_first(queues: Queues) -> list[Disbursement]:
    """Return the disbursements of all purses in order of age."""
    return sorted((d for queue in queues.values() for d in queue), key=lambda d: d.age)


def taken_from_purses(disbursements: Iterable[Disbursement]) -> Counter[Purse]:
    """Return what these take out of each purse; 0 for any other."""
    taken: Counter[Purse] = Counter()
    for disbursement in disbursements:
        taken[purse_of(disbursement)] += disbursement.amount
    return taken
