"""Money of one wave and component, drawn by lanes and short at times: who is paid, in which order, and who locks what.

A handler reads its lane's purse and the fund's flag without a lock. While the flag is down and the purse suffices, it
spends from there; else it locks the fund. Whoever holds that lock knows the whole queue. Locks end with the commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

NEW, QUEUED, PAID = "new", "queued", "paid"
HANDLER, RELEASE, COLLECT = "handler", "release", "collect"
Step = tuple[str, "State"]


@dataclass(frozen=True, slots=True)
class Rules:
    """Each can be taken away, to see what it is for."""

    the_flag_closes_the_fast_path: bool = True
    the_queue_spans_all_lanes: bool = True
    no_blocks_while_short: bool = True
    purses_of_all_lanes_are_emptied: bool = True
    locked_purses_are_passed_over: bool = True
    a_purse_is_spent_only_while_it_holds_the_money: bool = True
    the_queue_changes_under_the_lock: bool = True
    money_given_back_has_a_book_of_its_own: bool = True
    whoever_the_money_ends_at_is_looked_at_too: bool = True


@dataclass(frozen=True, slots=True)
class World:
    """What does not change. The index of a right is its age, 0 the oldest; `together` come in one batch."""

    lanes: tuple[int, ...]
    amounts: tuple[int, ...]
    block: int
    stopped: frozenset[int] = frozenset()
    together: tuple[tuple[int, int], ...] = ()
    rules: Rules = Rules()


class Fund(NamedTuple):
    appropriated: int
    drawn: int
    short: bool


class Purse(NamedTuple):
    drawn: int
    spent: int

    @property
    def free(self) -> int:
        return self.drawn - self.spent


class Payment(NamedTuple):
    """`saw`: who waited when it was decided, `left`: what the fund held after it."""

    right: int
    saw: frozenset[int]
    left: int


class Read(NamedTuple):
    """What a handler knows without a lock: of its purse and the flag; and who waited then."""

    free: int
    short: bool
    saw: frozenset[int]


class Transaction(NamedTuple):
    """What a process has under way: calls still to make, what was read, what is locked, and changes not yet committed.

    `drawn` and `spent` are changes by lane; `flag` is what the fund's flag becomes.
    """

    kind: str
    drawn: tuple[int, ...]
    spent: tuple[int, ...]
    calls: tuple[int, ...] = ()
    read: Read | None = None
    fund: bool = False
    purses: frozenset[int] = frozenset()
    books: frozenset[int] = frozenset()
    places: tuple[tuple[int, str], ...] = ()
    payments: tuple[Payment, ...] = ()
    flag: bool | None = None
    ready: bool = False


class State(NamedTuple):
    """`owners` of the lanes; -1: nobody for the moment. `coming` is appropriated one after the other.

    `hindered`: what waits for money and would be held for something else by now, if anybody looked.
    """

    fund: Fund
    purses: tuple[Purse, ...]
    places: tuple[str, ...]
    owners: tuple[int, ...]
    running: tuple[Transaction | None, ...]
    coming: tuple[int, ...] = ()
    rejections: int = 0
    obstacles: int = 0
    crashes: int = 0
    hindered: frozenset[int] = frozenset()
    wrong: str | None = None


def breach(world: World, state: State, ended: bool) -> str | None:
    """What is wrong with a state; with one that leads nowhere, also whoever still waits for money that is there."""
    if state.wrong:
        return state.wrong
    fund, queue = state.fund, queue_of(state.places)
    if not 0 <= fund.drawn <= fund.appropriated or any(not 0 <= purse.spent <= purse.drawn for purse in state.purses):
        return "overdrawn"
    if fund.drawn != sum(purse.drawn for purse in state.purses):
        return "money is astray"
    if fund.short != bool(queue):
        return "the flag does not agree with the queue"
    if not ended:
        return None
    if any(state.running):
        return "deadlock"
    unspent = fund.appropriated - sum(purse.spent for purse in state.purses)
    stopped = {right for right in queue if world.lanes[right] in world.stopped}
    waiting = [right for right in queue if right in stopped or right not in state.hindered]
    starving = [right for right in covered(world, waiting, unspent) if right not in stopped]
    return f"{starving} starve" if starving else None


def successors(world: World, state: State) -> Iterator[Step]:
    """Everything that may happen next."""
    for process, running in enumerate(state.running):
        going = _going(world, state, process)
        if running is None:
            yield from _begin(world, state, process, going)
        elif running.ready:
            yield f"process {process} commits", _commit(world, state, process, running)
        elif running.kind == HANDLER:
            yield from _handle(world, state, process, running)
        elif running.kind == RELEASE:
            yield from _release(world, state, process, running, going)
        else:
            yield from _collect(world, state, process, running, going)
        if state.crashes:
            owners = tuple(-1 if owner == process else owner for owner in state.owners)
            dead = _run(state, process, None)._replace(owners=owners, crashes=state.crashes - 1)
            yield f"process {process} dies", dead
    yield from _from_outside(state)


def queue_of(places: Sequence[str]) -> list[int]:
    """Who waits for money, the oldest first."""
    return [right for right, place in enumerate(places) if place == QUEUED]


def covered(world: World, queue: Sequence[int], money: int) -> list[int]:
    """Whom the money lasts for, in order of age: where it ends, nobody younger is served."""
    served = []
    for right in queue:
        money -= world.amounts[right]
        if money < 0:
            break
        served.append(right)
    return served


def _from_outside(state: State) -> Iterator[Step]:
    if state.obstacles:
        for right in set(queue_of(state.places)) - state.hindered:
            hindered = state._replace(hindered=state.hindered | {right}, obstacles=state.obstacles - 1)
            yield f"something else comes in the way of {right}", hindered
    if state.coming and not _locked(state).fund:
        fund = state.fund._replace(appropriated=state.fund.appropriated + state.coming[0])
        yield f"{state.coming[0]} is appropriated", state._replace(fund=fund, coming=state.coming[1:])
    for lane, owner in enumerate(state.owners):
        if owner < 0:
            yield from (
                (f"process {process} takes over lane {lane}", state._replace(owners=_put(state.owners, lane, process)))
                for process in range(len(state.running))
            )


def _begin(world: World, state: State, process: int, going: list[int]) -> Iterator[Step]:
    blank = Transaction("", (0,) * len(state.purses), (0,) * len(state.purses))
    for right, place in enumerate(state.places):
        lane = world.lanes[right]
        if lane not in going:
            continue
        if place == NEW:
            for batch in ((right,), *(pair for pair in world.together if pair[0] == right)):
                if all(state.places[one] == NEW for one in batch):
                    # What else the batch brings is in the lane's book already: a partner has paid somebody.
                    handler = blank._replace(kind=HANDLER, calls=batch, books=frozenset({lane}))
                    yield f"process {process} takes {batch}", _run(state, process, handler)
        elif place == PAID and state.rejections and lane not in _locked(state).purses:
            purse = Purse(state.purses[lane].drawn, state.purses[lane].spent - world.amounts[right])
            back = state._replace(purses=_put(state.purses, lane, purse), places=_put(state.places, right, NEW))
            yield f"{right} is rejected", back._replace(rejections=state.rejections - 1)
    if state.fund.short:
        served, ends_at = _own_served(world, state, blank, going)
        if served or state.hindered.intersection(ends_at):
            yield f"process {process} sweeps its queue", _run(state, process, blank._replace(kind=RELEASE))
        if _idle(world, state, going):
            yield f"process {process} sweeps purses", _run(state, process, blank._replace(kind=COLLECT))


def _handle(world: World, state: State, process: int, tx: Transaction) -> Iterator[Step]:
    """One call after the other; what was read without a lock may be old when it is acted upon."""
    if not tx.calls:
        yield f"process {process} is done", _run(state, process, tx._replace(ready=True))
        return
    right, lane = tx.calls[0], world.lanes[tx.calls[0]]
    if tx.read is None:
        free = state.purses[lane].free + tx.drawn[lane] - tx.spent[lane]
        read = Read(free, state.fund.short or bool(tx.flag), frozenset(queue_of(state.places)))
        yield f"process {process} reads the purse for {right}", _run(state, process, tx._replace(read=read))
        return
    free, short, saw = tx.read
    if free >= world.amounts[right] and not (short and world.rules.the_flag_closes_the_fast_path):
        if lane not in _locked(state, process).purses:
            yield from _move(world, state, process, _pay(world, state, tx, right, drawn=0, saw=saw))
    elif short and not world.rules.the_queue_changes_under_the_lock:
        joined = tx._replace(places=(*tx.places, (right, QUEUED)), calls=tx.calls[1:], read=None)
        yield f"{right} joins the queue", _run(state, process, joined)
    elif not _locked(state, process).fund:
        yield from _move(world, state, process, _under_the_lock(world, state, tx._replace(fund=True), right, free))
        if state.fund.short:
            # Many are older: it waits with them, and is paid in its turn.
            yield from _move(world, state, process, _join(tx._replace(fund=True), right))


def _under_the_lock(world: World, state: State, tx: Transaction, right: int, free: int) -> Transaction:
    lane, amount = world.lanes[right], world.amounts[right]
    central = state.fund.appropriated - state.fund.drawn - sum(tx.drawn)
    if state.fund.short or tx.flag:
        queue = [
            r for r in _queue_with(state, tx, right) if world.lanes[r] == lane or world.rules.the_queue_spans_all_lanes
        ]
        if right not in covered(world, queue, central):
            return _join(tx, right)
        return _pay(world, state, tx, right, amount if world.rules.no_blocks_while_short else min(central, world.block))
    wanted = max(world.block, amount - free)
    if central >= wanted:
        return _pay(world, state, tx, right, wanted)
    if central + free >= amount:
        return _pay(world, state, tx, right, amount - free)
    return _join(tx._replace(drawn=_add(tx.drawn, lane, -free)), right)


def _move(world: World, state: State, process: int, tx: Transaction) -> Iterator[Step]:
    """The purse as it is now, whatever was read: if the money has been taken back meanwhile, all is done again."""
    right, lane = tx.calls[0], world.lanes[tx.calls[0]]
    left = state.purses[lane].free + tx.drawn[lane] - tx.spent[lane]
    if left < 0 and world.rules.a_purse_is_spent_only_while_it_holds_the_money:
        yield f"process {process} starts again", _run(state, process, None)
        return
    decided = tx._replace(calls=tx.calls[1:], read=None, purses=tx.purses | {lane})
    yield f"process {process} decides about {right}", _run(state, process, decided)


def _release(world: World, state: State, process: int, tx: Transaction, going: list[int]) -> Iterator[Step]:
    """Pays its lanes' own whose turn it is. What is held for something else by now leaves the queue."""
    if _locked(state, process).fund:
        return
    tx = tx._replace(fund=True)
    served, ends_at = _own_served(world, state, tx, going)
    leaving = [right for right in (*served, *ends_at) if right in state.hindered]
    paid = [right for right in served if right not in leaving]
    for right in paid:
        lane = world.lanes[right]
        tx = _pay(world, state, tx, right, world.amounts[right])._replace(purses=tx.purses | {lane})
    tx = tx._replace(places=(*tx.places, *((right, NEW) for right in leaving)))
    flag = len(queue_of(state.places)) > len(paid) + len(leaving)
    yield (
        f"process {process} pays {paid} and lets {leaving} go",
        _run(state, process, tx._replace(flag=flag, ready=True)),
    )


def _collect(world: World, state: State, process: int, tx: Transaction, going: list[int]) -> Iterator[Step]:
    """Gives back what lies unused in purses: of lanes that nobody owns or that stand still, too."""
    if not tx.fund:
        if not _locked(state, process).fund:
            yield f"process {process} locks the fund", _run(state, process, tx._replace(fund=True))
        return
    lanes, locked = set(_idle(world, state, going)), _locked(state, process)
    if world.rules.locked_purses_are_passed_over:
        lanes -= locked.purses
    books = frozenset() if world.rules.money_given_back_has_a_book_of_its_own else lanes & locked.books
    if lanes & locked.purses or books:
        return
    drawn = tuple(-purse.free if lane in lanes else 0 for lane, purse in enumerate(state.purses))
    emptied = tx._replace(drawn=drawn, purses=frozenset(lanes), ready=True)
    yield f"process {process} empties the purses of {sorted(lanes)}", _run(state, process, emptied)


def _commit(world: World, state: State, process: int, tx: Transaction) -> State:
    short = state.fund.short if tx.flag is None else tx.flag
    fund = Fund(state.fund.appropriated, state.fund.drawn + sum(tx.drawn), short)
    changes = zip(state.purses, tx.drawn, tx.spent, strict=True)
    purses = tuple(Purse(purse.drawn + drawn, purse.spent + spent) for purse, drawn, spent in changes)
    places = state.places
    for right, place in tx.places:
        places = _put(places, right, place)
    wrong = None
    for right, saw, left in tx.payments:
        older = [one for one in queue_of(places) if one < right and one in saw]
        if sum(world.amounts[one] for one in older) > left:
            wrong = f"{right} overtakes {older}"
    hindered = state.hindered.intersection(queue_of(places))
    return _run(state, process, None)._replace(fund=fund, purses=purses, places=places, hindered=hindered, wrong=wrong)


def _own_served(world: World, state: State, tx: Transaction, going: list[int]) -> tuple[list[int], list[int]]:
    """Those of its lanes whom the money lasts for, and whom it ends at, if that is one of its lanes too."""
    queue = queue_of(state.places)
    if not world.rules.the_queue_spans_all_lanes:
        queue = [right for right in queue if world.lanes[right] in going]
    served = covered(world, queue, state.fund.appropriated - state.fund.drawn - sum(tx.drawn))
    ends_at = queue[len(served) :][: world.rules.whoever_the_money_ends_at_is_looked_at_too]
    return ([r for r in served if world.lanes[r] in going], [r for r in ends_at if world.lanes[r] in going])


def _queue_with(state: State, tx: Transaction, right: int) -> list[int]:
    own = {one for one, place in tx.places if place == QUEUED}
    return sorted({*queue_of(state.places), *own, right})


def _pay(
    world: World, state: State, tx: Transaction, right: int, drawn: int, saw: frozenset[int] | None = None
) -> Transaction:
    lane = world.lanes[right]
    saw = frozenset(queue_of(state.places)) if saw is None else saw
    left = state.fund.appropriated - state.fund.drawn - sum(tx.drawn) - drawn
    return tx._replace(
        drawn=_add(tx.drawn, lane, drawn),
        spent=_add(tx.spent, lane, world.amounts[right]),
        places=(*tx.places, (right, PAID)),
        payments=(*tx.payments, Payment(right, saw, left)),
    )


def _join(tx: Transaction, right: int) -> Transaction:
    return tx._replace(places=(*tx.places, (right, QUEUED)), flag=True)


def _idle(world: World, state: State, going: list[int]) -> list[int]:
    lanes = range(len(state.purses)) if world.rules.purses_of_all_lanes_are_emptied else going
    return [lane for lane in lanes if state.purses[lane].free]


class Locks(NamedTuple):
    """What transactions hold."""

    fund: bool
    purses: frozenset[int]
    books: frozenset[int]


def _locked(state: State, but: int = -1) -> Locks:
    """By all processes, `but` one."""
    others = [tx for process, tx in enumerate(state.running) if tx is not None and process != but]
    purses = frozenset[int]().union(*(tx.purses for tx in others))
    return Locks(any(tx.fund for tx in others), purses, frozenset[int]().union(*(tx.books for tx in others)))


def _going(world: World, state: State, process: int) -> list[int]:
    return [lane for lane, owner in enumerate(state.owners) if owner == process and lane not in world.stopped]


def _run(state: State, process: int, tx: Transaction | None) -> State:
    return state._replace(running=_put(state.running, process, tx))


def _put(values: tuple, index: int, value: object) -> tuple:  # type: ignore[type-arg]
    return (*values[:index], value, *values[index + 1 :])


def _add(values: tuple[int, ...], index: int, amount: int) -> tuple[int, ...]:
    changed: tuple[int, ...] = _put(values, index, values[index] + amount)
    return changed
