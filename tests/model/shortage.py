"""Model of a wave's money while it is short: order of payment, and locks.

A handler reads its lane's allotment and the fund's flag without a lock. While the flag is down and the allotment
suffices, it reserves from there; else it locks the fund. The holder of that lock knows the whole queue. Locks end
with the commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

NEW, QUEUED, PAID = "new", "queued", "paid"
HANDLER, SERVE, COLLECT = "handler", "serve", "collect"
Step = tuple[str, "State"]


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules that the search can switch off one by one."""

    the_flag_closes_the_fast_path: bool = True
    the_queue_spans_all_lanes: bool = True
    no_blocks_while_short: bool = True
    allotments_of_all_lanes_are_emptied: bool = True
    locked_allotments_are_passed_over: bool = True
    an_allotment_is_reserved_only_while_it_holds_the_money: bool = True
    the_queue_changes_under_the_lock: bool = True
    money_released_has_a_ledger_of_its_own: bool = True
    the_first_uncovered_payment_is_checked_too: bool = True


@dataclass(frozen=True, slots=True)
class Setup:
    """Constants. A payment is named by its age, 0 the oldest; those of `together` come in one batch."""

    lanes: tuple[int, ...]
    amounts: tuple[int, ...]
    block: int
    stopped: frozenset[int] = frozenset()
    together: tuple[tuple[int, int], ...] = ()
    rules: Rules = Rules()


class Fund(NamedTuple):
    appropriated: int
    allotted: int
    short: bool


class Allotment(NamedTuple):
    allotted: int
    reserved: int

    @property
    def free(self) -> int:
        return self.allotted - self.reserved


class Payment(NamedTuple):
    """`saw`: the queue when the payment was decided; `left`: the money of the fund after it."""

    age: int
    saw: frozenset[int]
    left: int


class Read(NamedTuple):
    """A handler's knowledge without a lock: free money of its allotment, the flag, and the queue at that time."""

    free: int
    short: bool
    saw: frozenset[int]


class Transaction(NamedTuple):
    """A process's work in progress: calls still to make, values read, locks held, and uncommitted changes.

    `allotted` and `reserved` are changes by lane; `flag` is the new value of the fund's flag.
    """

    kind: str
    allotted: tuple[int, ...]
    reserved: tuple[int, ...]
    calls: tuple[int, ...] = ()
    read: Read | None = None
    fund: bool = False
    allotments: frozenset[int] = frozenset()
    ledgers: frozenset[int] = frozenset()
    places: tuple[tuple[int, str], ...] = ()
    payments: tuple[Payment, ...] = ()
    flag: bool | None = None
    ready: bool = False


class State(NamedTuple):
    """`owners` of the lanes, -1 for none; `coming`: amounts that will be appropriated, one after the other.

    `hindered`: queued payments that now have another reason to be held, which a check would find.
    """

    fund: Fund
    allotments: tuple[Allotment, ...]
    places: tuple[str, ...]
    owners: tuple[int, ...]
    running: tuple[Transaction | None, ...]
    coming: tuple[int, ...] = ()
    rejections: int = 0
    obstacles: int = 0
    crashes: int = 0
    hindered: frozenset[int] = frozenset()
    wrong: str | None = None


def breach(setup: Setup, state: State, ended: bool) -> str | None:
    """Report a failure of the state; in a final state, also payments that starve although there is money."""
    if state.wrong:
        return state.wrong
    fund, queue = state.fund, queue_of(state.places)
    if not 0 <= fund.allotted <= fund.appropriated or any(
        not 0 <= allotment.reserved <= allotment.allotted for allotment in state.allotments
    ):
        return "overdrawn"
    if fund.allotted != sum(allotment.allotted for allotment in state.allotments):
        return "the fund and its allotments disagree"
    if fund.short != bool(queue):
        return "the flag does not agree with the queue"
    if not ended:
        return None
    if any(state.running):
        return "deadlock"
    unspent = fund.appropriated - sum(allotment.reserved for allotment in state.allotments)
    stopped = {age for age in queue if setup.lanes[age] in setup.stopped}
    waiting = [age for age in queue if age in stopped or age not in state.hindered]
    starving = [age for age in covered(setup, waiting, unspent) if age not in stopped]
    return f"{starving} starve" if starving else None


def successors(setup: Setup, state: State) -> Iterator[Step]:
    """Yield every next step."""
    for process, running in enumerate(state.running):
        going = _going(setup, state, process)
        if running is None:
            yield from _begin(setup, state, process, going)
        elif running.ready:
            yield f"process {process} commits", _commit(setup, state, process, running)
        elif running.kind == HANDLER:
            yield from _handle(setup, state, process, running)
        elif running.kind == SERVE:
            yield from _serve_queue(setup, state, process, running, going)
        else:
            yield from _collect(setup, state, process, running, going)
        if state.crashes:
            owners = tuple(-1 if owner == process else owner for owner in state.owners)
            dead = _run(state, process, None)._replace(owners=owners, crashes=state.crashes - 1)
            yield f"process {process} dies", dead
    yield from _from_outside(state)


def queue_of(places: Sequence[str]) -> list[int]:
    """Return the queued payments, oldest first."""
    return [age for age, place in enumerate(places) if place == QUEUED]


def covered(setup: Setup, queue: Sequence[int], money: int) -> list[int]:
    """Return the queued payments that the money covers, oldest first; none younger than the first that it does not."""
    served = []
    for age in queue:
        money -= setup.amounts[age]
        if money < 0:
            break
        served.append(age)
    return served


def _from_outside(state: State) -> Iterator[Step]:
    if state.obstacles:
        for age in set(queue_of(state.places)) - state.hindered:
            hindered = state._replace(hindered=state.hindered | {age}, obstacles=state.obstacles - 1)
            yield f"{age} gets another reason to be held", hindered
    if state.coming and not _locked(state).fund:
        fund = state.fund._replace(appropriated=state.fund.appropriated + state.coming[0])
        yield f"{state.coming[0]} is appropriated", state._replace(fund=fund, coming=state.coming[1:])
    for lane, owner in enumerate(state.owners):
        if owner < 0:
            yield from (
                (f"process {process} takes over lane {lane}", state._replace(owners=_put(state.owners, lane, process)))
                for process in range(len(state.running))
            )


def _begin(setup: Setup, state: State, process: int, going: list[int]) -> Iterator[Step]:
    blank = Transaction("", (0,) * len(state.allotments), (0,) * len(state.allotments))
    for age, place in enumerate(state.places):
        lane = setup.lanes[age]
        if lane not in going:
            continue
        if place == NEW:
            for batch in ((age,), *(pair for pair in setup.together if pair[0] == age)):
                if all(state.places[one] == NEW for one in batch):
                    # Other records of the batch have locked the lane's ledger already: a partner has settled.
                    handler = blank._replace(kind=HANDLER, calls=batch, ledgers=frozenset({lane}))
                    yield f"process {process} takes {batch}", _run(state, process, handler)
        elif place == PAID and state.rejections and lane not in _locked(state).allotments:
            allotment = Allotment(state.allotments[lane].allotted, state.allotments[lane].reserved - setup.amounts[age])
            back = state._replace(
                allotments=_put(state.allotments, lane, allotment), places=_put(state.places, age, NEW)
            )
            yield f"{age} is rejected", back._replace(rejections=state.rejections - 1)
    if state.fund.short:
        served, ends_at = _own_served(setup, state, blank, going)
        if served or state.hindered.intersection(ends_at):
            yield f"process {process} sweeps its queue", _run(state, process, blank._replace(kind=SERVE))
        if _idle(setup, state, going):
            yield f"process {process} sweeps allotments", _run(state, process, blank._replace(kind=COLLECT))


def _handle(setup: Setup, state: State, process: int, tx: Transaction) -> Iterator[Step]:
    """Make one call after the other; a value read without a lock may be outdated when it is used."""
    if not tx.calls:
        yield f"process {process} is done", _run(state, process, tx._replace(ready=True))
        return
    age, lane = tx.calls[0], setup.lanes[tx.calls[0]]
    if tx.read is None:
        free = state.allotments[lane].free + tx.allotted[lane] - tx.reserved[lane]
        read = Read(free, state.fund.short or bool(tx.flag), frozenset(queue_of(state.places)))
        yield f"process {process} reads the allotment for {age}", _run(state, process, tx._replace(read=read))
        return
    free, short, saw = tx.read
    if free >= setup.amounts[age] and not (short and setup.rules.the_flag_closes_the_fast_path):
        if lane not in _locked(state, process).allotments:
            yield from _move(setup, state, process, _pay(setup, state, tx, age, allotted=0, saw=saw))
    elif short and not setup.rules.the_queue_changes_under_the_lock:
        joined = tx._replace(places=(*tx.places, (age, QUEUED)), calls=tx.calls[1:], read=None)
        yield f"{age} joins the queue", _run(state, process, joined)
    elif not _locked(state, process).fund:
        yield from _move(setup, state, process, _under_the_lock(setup, state, tx._replace(fund=True), age, free))
        if state.fund.short:
            # In the other branch many older payments are queued, and it joins them.
            yield from _move(setup, state, process, _join(tx._replace(fund=True), age))


def _under_the_lock(setup: Setup, state: State, tx: Transaction, age: int, free: int) -> Transaction:
    lane, amount = setup.lanes[age], setup.amounts[age]
    central = state.fund.appropriated - state.fund.allotted - sum(tx.allotted)
    if state.fund.short or tx.flag:
        queue = [
            r for r in _queue_with(state, tx, age) if setup.lanes[r] == lane or setup.rules.the_queue_spans_all_lanes
        ]
        if age not in covered(setup, queue, central):
            return _join(tx, age)
        return _pay(setup, state, tx, age, amount if setup.rules.no_blocks_while_short else min(central, setup.block))
    wanted = max(setup.block, amount - free)
    if central >= wanted:
        return _pay(setup, state, tx, age, wanted)
    if central + free >= amount:
        return _pay(setup, state, tx, age, amount - free)
    return _join(tx._replace(allotted=_add(tx.allotted, lane, -free)), age)


def _move(setup: Setup, state: State, process: int, tx: Transaction) -> Iterator[Step]:
    """Reserve from the allotment as it is now; start again if its money was taken meanwhile."""
    age, lane = tx.calls[0], setup.lanes[tx.calls[0]]
    left = state.allotments[lane].free + tx.allotted[lane] - tx.reserved[lane]
    if left < 0 and setup.rules.an_allotment_is_reserved_only_while_it_holds_the_money:
        yield f"process {process} starts again", _run(state, process, None)
        return
    decided = tx._replace(calls=tx.calls[1:], read=None, allotments=tx.allotments | {lane})
    yield f"process {process} decides about {age}", _run(state, process, decided)


def _serve_queue(setup: Setup, state: State, process: int, tx: Transaction, going: list[int]) -> Iterator[Step]:
    """Pay the queued payments of its lanes that are due; those with another reason to be held leave the queue."""
    if _locked(state, process).fund:
        return
    tx = tx._replace(fund=True)
    served, ends_at = _own_served(setup, state, tx, going)
    leaving = [age for age in (*served, *ends_at) if age in state.hindered]
    paid = [age for age in served if age not in leaving]
    for age in paid:
        lane = setup.lanes[age]
        tx = _pay(setup, state, tx, age, setup.amounts[age])._replace(allotments=tx.allotments | {lane})
    tx = tx._replace(places=(*tx.places, *((age, NEW) for age in leaving)))
    flag = len(queue_of(state.places)) > len(paid) + len(leaving)
    yield (
        f"process {process} pays {paid} and lets {leaving} go",
        _run(state, process, tx._replace(flag=flag, ready=True)),
    )


def _collect(setup: Setup, state: State, process: int, tx: Transaction, going: list[int]) -> Iterator[Step]:
    """Return unused money of allotments, also of lanes that have no owner or stand still."""
    if not tx.fund:
        if not _locked(state, process).fund:
            yield f"process {process} locks the fund", _run(state, process, tx._replace(fund=True))
        return
    lanes, locked = set(_idle(setup, state, going)), _locked(state, process)
    if setup.rules.locked_allotments_are_passed_over:
        lanes -= locked.allotments
    ledgers = frozenset() if setup.rules.money_released_has_a_ledger_of_its_own else lanes & locked.ledgers
    if lanes & locked.allotments or ledgers:
        return
    allotted = tuple(-allotment.free if lane in lanes else 0 for lane, allotment in enumerate(state.allotments))
    emptied = tx._replace(allotted=allotted, allotments=frozenset(lanes), ready=True)
    yield f"process {process} empties the allotments of {sorted(lanes)}", _run(state, process, emptied)


def _commit(setup: Setup, state: State, process: int, tx: Transaction) -> State:
    short = state.fund.short if tx.flag is None else tx.flag
    fund = Fund(state.fund.appropriated, state.fund.allotted + sum(tx.allotted), short)
    changes = zip(state.allotments, tx.allotted, tx.reserved, strict=True)
    allotments = tuple(
        Allotment(allotment.allotted + allotted, allotment.reserved + reserved)
        for allotment, allotted, reserved in changes
    )
    places = state.places
    for age, place in tx.places:
        places = _put(places, age, place)
    wrong = None
    for age, saw, left in tx.payments:
        older = [one for one in queue_of(places) if one < age and one in saw]
        if sum(setup.amounts[one] for one in older) > left:
            wrong = f"{age} overtakes {older}"
    hindered = state.hindered.intersection(queue_of(places))
    return _run(state, process, None)._replace(
        fund=fund, allotments=allotments, places=places, hindered=hindered, wrong=wrong
    )


def _own_served(setup: Setup, state: State, tx: Transaction, going: list[int]) -> tuple[list[int], list[int]]:
    """Return the covered payments of its lanes, and the first uncovered one if it is in its lanes."""
    queue = queue_of(state.places)
    if not setup.rules.the_queue_spans_all_lanes:
        queue = [age for age in queue if setup.lanes[age] in going]
    served = covered(setup, queue, state.fund.appropriated - state.fund.allotted - sum(tx.allotted))
    ends_at = queue[len(served) :][: setup.rules.the_first_uncovered_payment_is_checked_too]
    return ([r for r in served if setup.lanes[r] in going], [r for r in ends_at if setup.lanes[r] in going])


def _queue_with(state: State, tx: Transaction, age: int) -> list[int]:
    own = {one for one, place in tx.places if place == QUEUED}
    return sorted({*queue_of(state.places), *own, age})


def _pay(
    setup: Setup, state: State, tx: Transaction, age: int, allotted: int, saw: frozenset[int] | None = None
) -> Transaction:
    lane = setup.lanes[age]
    saw = frozenset(queue_of(state.places)) if saw is None else saw
    left = state.fund.appropriated - state.fund.allotted - sum(tx.allotted) - allotted
    return tx._replace(
        allotted=_add(tx.allotted, lane, allotted),
        reserved=_add(tx.reserved, lane, setup.amounts[age]),
        places=(*tx.places, (age, PAID)),
        payments=(*tx.payments, Payment(age, saw, left)),
    )


def _join(tx: Transaction, age: int) -> Transaction:
    return tx._replace(places=(*tx.places, (age, QUEUED)), flag=True)


def _idle(setup: Setup, state: State, going: list[int]) -> list[int]:
    lanes = range(len(state.allotments)) if setup.rules.allotments_of_all_lanes_are_emptied else going
    return [lane for lane in lanes if state.allotments[lane].free]


class Locks(NamedTuple):
    """Locks held by transactions."""

    fund: bool
    allotments: frozenset[int]
    ledgers: frozenset[int]


def _locked(state: State, but: int = -1) -> Locks:
    """Return the locks of all processes but one."""
    others = [tx for process, tx in enumerate(state.running) if tx is not None and process != but]
    allotments = frozenset[int]().union(*(tx.allotments for tx in others))
    return Locks(any(tx.fund for tx in others), allotments, frozenset[int]().union(*(tx.ledgers for tx in others)))


def _going(setup: Setup, state: State, process: int) -> list[int]:
    return [lane for lane, owner in enumerate(state.owners) if owner == process and lane not in setup.stopped]


def _run(state: State, process: int, tx: Transaction | None) -> State:
    return state._replace(running=_put(state.running, process, tx))


def _put(values: tuple, index: int, value: object) -> tuple:  # type: ignore[type-arg]
    return (*values[:index], value, *values[index + 1 :])


def _add(values: tuple[int, ...], index: int, amount: int) -> tuple[int, ...]:
    changed: tuple[int, ...] = _put(values, index, values[index] + amount)
    return changed
