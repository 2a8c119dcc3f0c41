"""Funds: nothing is instructed without money of its wave.

A lane is allotted money of its wave in blocks, so that lanes do not wait for one row. While a disbursement waits for
money the fund is short: no blocks are allotted, and disbursements are paid in order of age over all lanes. None
overtakes an older one that the money does not suffice for.
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
    """Money of a fund that is allotted to one lane."""

    lane: int
    wave: str
    component: Component

    @property
    def fund(self) -> Fund:
        return Fund(self.wave, self.component)


@dataclass(frozen=True, slots=True)
class Balance:
    """Rupiah not yet allotted or committed. `short`: a disbursement waits for money of the fund."""

    free: int
    short: bool


class QueuedDisbursement(NamedTuple):
    """Disbursement that waits for money, in any lane. Sorts by age."""

    age: Age
    lane: int
    amount: int

    @property
    def key(self) -> DisbursementKey:
        return self.age[1:]


Queues = Mapping[Allotment, Sequence[Disbursement]]


@dataclass(frozen=True, slots=True)
class Allocation:
    """Disbursements that are funded, and what is committed from each allotment and added to it (negative: returned)."""

    funded: Sequence[Disbursement]
    committed: Mapping[Allotment, int]
    allotted: Mapping[Allotment, int]


def fund_of(disbursement: Disbursement) -> Fund:
    """Return the fund that pays a disbursement."""
    return Fund(disbursement.wave, disbursement.component)


def allotment_of(disbursement: Disbursement) -> Allotment:
    """Return the allotment that pays a disbursement."""
    return Allotment(disbursement.lane, disbursement.wave, disbursement.component)


def queued(disbursement: Disbursement) -> QueuedDisbursement:
    """Return the place that a disbursement has, or would take, in the queue of its fund."""
    return QueuedDisbursement(disbursement.age, disbursement.lane, disbursement.amount)


def affordable(amounts: Sequence[int], money: int) -> tuple[int, int]:
    """Return how many of the amounts, taken in order, the money suffices for, and their sum."""
    total = 0
    for count, amount in enumerate(amounts):
        if total + amount > money:
            return count, total
        total += amount
    return len(amounts), total


def allocate(queues: Queues, free: Mapping[Allotment, int], unallotted: int, block: int) -> Allocation:
    """Allocate money of a fund for which no disbursement waits yet.

    While there is plenty, an allotment that does not suffice grows by a block, or by more if needed. Otherwise the
    `unallotted` rest and these allotments together pay the oldest of all their lanes, and no allotment keeps a rest.
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


def allocate_in_turn(funded: Sequence[Disbursement]) -> Allocation:
    """Fund disbursements whose turn it is in a fund that is short; each allotment receives exactly what it commits."""
    committed = amounts_by_allotment(funded)
    return Allocation(funded, committed, committed)


def oldest_first(queues: Queues) -> list[Disbursement]:
    """Return the disbursements of all allotments in order of age."""
    return sorted((d for queue in queues.values() for d in queue), key=lambda d: d.age)


def amounts_by_allotment(disbursements: Iterable[Disbursement]) -> Counter[Allotment]:
    """Return the sum that these disbursements commit from each allotment; 0 for any other."""
    taken: Counter[Allotment] = Counter()
    for disbursement in disbursements:
        taken[allotment_of(disbursement)] += disbursement.amount
    return taken
