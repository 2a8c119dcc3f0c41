"""Funds: nothing is instructed without money of its wave behind it.

A lane draws money from its wave in blocks, so that lanes do not queue for one row; what it has drawn and not spent is
its purse. While somebody waits for money it is short: nobody draws blocks, and whoever is paid is paid in order of age
over all lanes. None overtakes an older one for which the money does not last.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from services.payment.domain.disbursement import Disbursement, DisbursementKey
from services.payment.domain.entitlement import Component

Age = tuple[datetime, str, str]


class Fund(NamedTuple):
    """Money of one wave for one component, in rupiah."""

    wave: str
    component: Component


class Allotment(NamedTuple):
    """A lane's part of a pot."""

    lane: int
    wave: str
    component: Component

    @property
    def fund(self) -> Fund:
        return Fund(self.wave, self.component)


@dataclass(frozen=True, slots=True)
class Balance:
    """Tell the rupiah that nobody has drawn or spent, and whether somebody waits for money of the pot."""

    free: int
    short: bool


class QueuedDisbursement(NamedTuple):
    """A disbursement that waits for money, in whatever lane. Sorts by age."""

    age: Age
    lane: int
    amount: int

    @property
    def key(self) -> DisbursementKey:
        return self.age[1:]


Queues = Mapping[Allotment, Sequence[Disbursement]]


@dataclass(frozen=True, slots=True)
class Allocation:
    """Name who is paid, what each purse spends for it, and what it draws; negative: gives back."""

    funded: Sequence[Disbursement]
    committed: Mapping[Allotment, int]
    allotted: Mapping[Allotment, int]


def fund_of(disbursement: Disbursement) -> Fund:
    """Return the pot that pays a disbursement."""
    return Fund(disbursement.wave, disbursement.component)


def allotment_of(disbursement: Disbursement) -> Allotment:
    """Return the purse that pays a disbursement."""
    return Allotment(disbursement.lane, disbursement.wave, disbursement.component)


def queued(disbursement: Disbursement) -> QueuedDisbursement:
    """Return the place that a disbursement has, or would take, in the queue of its pot."""
    return QueuedDisbursement(disbursement.age, disbursement.lane, disbursement.amount)


def affordable(amounts: Sequence[int], money: int) -> tuple[int, int]:
    """How many of the amounts, taken in order, the money lasts for, and their sum."""
    total = 0
    for count, amount in enumerate(amounts):
        if total + amount > money:
            return count, total
        total += amount
    return len(amounts), total


def allocate(queues: Queues, free: Mapping[Allotment, int], unallotted: int, block: int) -> Allocation:
    """Share out money of a pot for which nobody waits yet.

    While there is plenty, a purse that falls short draws a block, or more where more is needed. Else all that the
    `central` rest and these purses hold goes to the oldest of all their lanes, and nothing stays in the purses.
    """
    needed = {allotment: sum([d.amount for d in queue]) for allotment, queue in queues.items()}
    allotted = {
        allotment: max(block, amount - free[allotment])
        for allotment, amount in needed.items()
        if amount > free[allotment]
    }
    if sum(allotted.values()) <= unallotted:
        return Allocation([d for queue in queues.values() for d in queue], needed, allotted)
    every = oldest_first(queues)
    count, _ = affordable([d.amount for d in every], unallotted + sum(free.values()))
    committed = amounts_by_allotment(every[:count])
    return Allocation(
        every[:count], committed, {allotment: committed[allotment] - free[allotment] for allotment in queues}
    )


def allocate_in_turn(paid: Sequence[Disbursement]) -> Allocation:
    """Pay those whose turn it is in a pot that is short: purses draw what they spend, and no more."""
    committed = amounts_by_allotment(paid)
    return Allocation(paid, committed, committed)


def oldest_first(queues: Queues) -> list[Disbursement]:
    """Return the disbursements of all purses in order of age."""
    return sorted((d for queue in queues.values() for d in queue), key=lambda d: d.age)


def amounts_by_allotment(disbursements: Iterable[Disbursement]) -> Counter[Allotment]:
    """Return what these take out of each purse; 0 for any other."""
    taken: Counter[Allotment] = Counter()
    for disbursement in disbursements:
        taken[allotment_of(disbursement)] += disbursement.amount
    return taken
