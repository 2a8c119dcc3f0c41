"""Model of deadlines, which must wait for every record that could precede them.

Each of two lanes has a deadline and three records written before it fell due: one in an external partition, which holds
records of both lanes, and two in the lane's own partition of an internal topic, the first of which may be lost and
published again. `reports` is an external topic that can precede no deadline. A lane or a partition may stand still.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

LANES = (0, 1)
SHARED, REPORTS = ("shared", 0), ("reports", 0)


def inner(lane: int) -> tuple[str, int]:
    """Return the lane's partition of the internal topic."""
    return ("inner", lane)


PLACES = (SHARED, REPORTS, *map(inner, LANES))
Record = tuple[int, int]
"""(lane, number): 0 is the lane's record in the shared partition, 1 and 2 are its internal ones."""


@dataclass(frozen=True)
class Rules:
    """Conditions that a deadline waits for. `per_lane` False: one watermark for all lanes of the service."""

    waits: bool = True
    per_lane: bool = True
    named_topics: bool = True
    own_rows: bool = True
    numbers: bool = True


@dataclass(frozen=True)
class Scenario:
    """`standing`: lanes and partitions that stand still at the beginning; `resumes`: they may go on later."""

    standing: frozenset[object] = frozenset()
    resumes: bool = False
    lost: bool = False


class State(NamedTuple):
    """State of both lanes. `positions`, `ends` and `through` are indexed by place, the other tuples by lane."""

    logs: tuple[tuple[Record, ...], ...]
    positions: tuple[int, ...]
    ends: tuple[int | None, ...]
    through: tuple[bool, ...]
    standing: frozenset[object]
    deferred: tuple[tuple[Record, ...], ...]
    numbers: tuple[int, ...]
    ahead: tuple[int, ...]
    effects: frozenset[Record]
    acted: tuple[bool, ...]
    to_republish: tuple[Record, ...]


def initial(scenario: Scenario) -> State:
    """Return the state in which all records are written and both deadlines have just fallen due."""
    shared = tuple((lane, 0) for lane in LANES)
    inners: tuple[tuple[Record, ...], ...] = tuple(((lane, 1), (lane, 2)) for lane in LANES)
    again: tuple[Record, ...] = ()
    if scenario.lost:
        inners, again = (((0, 2),), inners[1]), ((0, 1), (0, 2))
    return State(
        logs=(shared, ((0, 9),), *inners),
        positions=(0,) * len(PLACES),
        ends=(None,) * len(PLACES),
        through=(False,) * len(PLACES),
        standing=scenario.standing,
        deferred=((), ()),
        numbers=(0, 0),
        ahead=(0, 0),
        effects=frozenset(),
        acted=(False, False),
        to_republish=again,
    )


def successors(state: State, rules: Rules, scenario: Scenario) -> Iterator[tuple[str, State]]:
    """Yield every next step: reading, resuming, looking up ends, releasing records, and deadlines that act."""
    for place in range(len(PLACES)):
        if can_be_read(state, place):
            yield f"read {PLACES[place]}", read(state, place)
        if state.ends[place] is None and not state.through[place]:
            yield f"look up the end of {PLACES[place]}", look_up_end(state, place)
        if is_read_through(state, place, rules):
            yield f"{PLACES[place]} is read through", state._replace(through=at(state.through, place, True))
    if state.to_republish:
        yield "publish again", republish(state)
    for what in sorted(state.standing, key=str) if scenario.resumes else ():
        yield f"{what} goes on", state._replace(standing=state.standing - {what})
    for lane in LANES:
        if state.deferred[lane] and not is_stopped(state, lane):
            yield f"release in {lane}", release(state, lane)
        if not state.acted[lane] and not is_stopped(state, lane) and may_act(state, lane, rules):
            yield f"deadline of {lane}", state._replace(acted=at(state.acted, lane, True))


def breach(state: State, ended: bool) -> str | None:
    """Report a deadline that acts before a timely record, or that never acts although nothing delays it."""
    for lane in LANES:
        timely = {(lane, number) for number in (0, 1, 2)}
        if state.acted[lane] and not timely <= state.effects:
            return f"acts before: {sorted(timely - state.effects)}"
        if ended and not state.acted[lane] and not stands_in_its_way(state, lane):
            return f"starved: the deadline of lane {lane}"
    return None


def stands_in_its_way(state: State, lane: int) -> bool:
    """Tell whether the lane stands still, or a partition that may hold a record of it."""
    return is_stopped(state, lane) or SHARED in state.standing


def is_stopped(state: State, lane: int) -> bool:
    return lane in state.standing or (state.numbers[lane] < state.ahead[lane] and not state.numbers[lane])


def can_be_read(state: State, place: int) -> bool:
    """Tell whether the place has a next record and is not stopped.

    A stopped lane is not read in its internal partition, unless it has stopped at a gap there.
    """
    topic, partition = PLACES[place]
    stands = PLACES[place] in state.standing or (topic == "inner" and partition in state.standing)
    return state.positions[place] < len(state.logs[place]) and not stands


def read(state: State, place: int) -> State:
    """Advance the position; the record takes effect, is set aside, or is beyond a gap and has no effect."""
    record = state.logs[place][state.positions[place]]
    moved = state._replace(positions=at(state.positions, place, state.positions[place] + 1))
    lane, number = record
    if PLACES[place] == REPORTS:
        return moved
    if PLACES[place] == SHARED:
        if is_stopped(state, lane) or state.deferred[lane]:
            return moved._replace(deferred=at(state.deferred, lane, (*state.deferred[lane], record)))
        return moved._replace(effects=state.effects | {record})
    if number > state.numbers[lane] + 1:
        return moved._replace(ahead=at(state.ahead, lane, max(number, state.ahead[lane])))
    numbers = at(state.numbers, lane, max(number, state.numbers[lane]))
    return moved._replace(numbers=numbers, effects=state.effects | {record})


def look_up_end(state: State, place: int) -> State:
    return state._replace(ends=at(state.ends, place, len(state.logs[place])))


def is_read_through(state: State, place: int, rules: Rules) -> bool:
    """Tell whether the end seen after the deadline fell due is reached, and no number is known to be missing."""
    end, (topic, lane) = state.ends[place], PLACES[place]
    if end is None or state.through[place] or state.positions[place] < end:
        return False
    return topic != "inner" or not rules.numbers or state.numbers[lane] >= state.ahead[lane]


def republish(state: State) -> State:
    record, *rest = state.to_republish
    place = PLACES.index(inner(record[0]))
    return state._replace(logs=at(state.logs, place, (*state.logs[place], record)), to_republish=tuple(rest))


def release(state: State, lane: int) -> State:
    record, *rest = state.deferred[lane]
    return state._replace(deferred=at(state.deferred, lane, tuple(rest)), effects=state.effects | {record})


def may_act(state: State, lane: int, rules: Rules) -> bool:
    if not rules.waits:
        return True
    awaited = {SHARED, inner(lane)}
    if not rules.named_topics:
        awaited.add(REPORTS)
    if not rules.per_lane:
        awaited = set(PLACES)
    if rules.own_rows and state.deferred[lane]:
        return False
    return all(state.through[PLACES.index(place)] for place in awaited)


def at(values: tuple, index: int, value: object) -> tuple:  # type: ignore[type-arg]
    """Return the tuple with one value replaced."""
    return (*values[:index], value, *values[index + 1 :])
