"""When may a deadline act? Two lanes, an external topic and an internal one, a lane or a partition that stands still.

Each lane has a deadline and three records that were written before it fell due: one in an external partition, which
holds records of both lanes, and two in the lane's own partition of an internal topic, the first of which may be lost
and said again. `reports` is an external topic that can beat no deadline.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

LANES = (0, 1)
SHARED, REPORTS = ("shared", 0), ("reports", 0)


def inner(lane: int) -> tuple[str, int]:
    """The place of a lane's partition of the internal topic."""
    return ("inner", lane)


PLACES = (SHARED, REPORTS, *map(inner, LANES))
Record = tuple[int, int]
"""(lane, number): 0 is the lane's record in the shared partition, 1 and 2 are its internal ones."""


@dataclass(frozen=True)
class Rules:
    """What a deadline waits for. `per_lane` False: one watermark for all lanes of the service."""

    waits: bool = True
    per_lane: bool = True
    named_topics: bool = True
    own_rows: bool = True
    numbers: bool = True


@dataclass(frozen=True)
class Scenario:
    """What happens. `standing`: what stands still from the beginning, and `resumes`: does it go on one day?"""

    standing: frozenset[object] = frozenset()
    resumes: bool = False
    lost: bool = False


class State(NamedTuple):
    """`ends` and `through` are indexed by place, as is `positions`; the other tuples by lane."""

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
    """All records are written, and both deadlines have just fallen due; a lost record is still to be said again."""
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
    """Every next step: reading, standing still and going on, looking up ends, and deadlines that act."""
    for place in range(len(PLACES)):
        if can_be_read(state, place):
            yield f"read {PLACES[place]}", read(state, place)
        if state.ends[place] is None and not state.through[place]:
            yield f"ask for the end of {PLACES[place]}", ask(state, place)
        if is_read_through(state, place, rules):
            yield f"{PLACES[place]} is read through", state._replace(through=at(state.through, place, True))
    if state.to_republish:
        yield "say again", republish(state)
    for what in sorted(state.standing, key=str) if scenario.resumes else ():
        yield f"{what} goes on", state._replace(standing=state.standing - {what})
    for lane in LANES:
        if state.deferred[lane] and not is_stopped(state, lane):
            yield f"take up in {lane}", take_up(state, lane)
        if not state.acted[lane] and not is_stopped(state, lane) and may_act(state, lane, rules):
            yield f"deadline of {lane}", state._replace(acted=at(state.acted, lane, True))


def breach(state: State, ended: bool) -> str | None:
    """A deadline that something beat in time must not act; one that nothing stands in the way of must."""
    for lane in LANES:
        timely = {(lane, number) for number in (0, 1, 2)}
        if state.acted[lane] and not timely <= state.effects:
            return f"beaten in time: {sorted(timely - state.effects)}"
        if ended and not state.acted[lane] and not stands_in_its_way(state, lane):
            return f"starved: the deadline of lane {lane}"
    return None


def stands_in_its_way(state: State, lane: int) -> bool:
    """Its own lane stands still, or a partition in which something of it may lie."""
    return is_stopped(state, lane) or SHARED in state.standing


def is_stopped(state: State, lane: int) -> bool:
    return lane in state.standing or (state.numbers[lane] < state.ahead[lane] and not state.numbers[lane])


def can_be_read(state: State, place: int) -> bool:
    """A lane that stands still is not read in its internal partition, unless it stands still for a gap there."""
    topic, partition = PLACES[place]
    stands = PLACES[place] in state.standing or (topic == "inner" and partition in state.standing)
    return state.positions[place] < len(state.logs[place]) and not stands


def read(state: State, place: int) -> State:
    """The position moves; the record takes effect, is set aside, or is beyond a gap and does nothing."""
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


def ask(state: State, place: int) -> State:
    return state._replace(ends=at(state.ends, place, len(state.logs[place])))


def is_read_through(state: State, place: int, rules: Rules) -> bool:
    """Read to the end that was seen after the deadline fell due, and no number is known to be missing."""
    end, (topic, lane) = state.ends[place], PLACES[place]
    if end is None or state.through[place] or state.positions[place] < end:
        return False
    return topic != "inner" or not rules.numbers or state.numbers[lane] >= state.ahead[lane]


def republish(state: State) -> State:
    record, *rest = state.to_republish
    place = PLACES.index(inner(record[0]))
    return state._replace(logs=at(state.logs, place, (*state.logs[place], record)), to_republish=tuple(rest))


def take_up(state: State, lane: int) -> State:
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
    """The tuple with one value replaced."""
    return (*values[:index], value, *values[index + 1 :])
