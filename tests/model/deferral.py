"""Model of deferred records: one lane, one key, one cause, a process that may die.

Records of the key come from outside, one after the other. Before the cause is known they are deferred; afterwards they
take effect. A cause of the lane's own marks the deferred records. A shared cause is written by a transaction that does
not hold the lane, so it cannot see records that are deferred meanwhile: it only writes its own row, and the lane's
sweep joins the two.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

RECORDS = (0, 1, 2)


@dataclass(frozen=True)
class Rules:
    """Rules of releasing deferred records, each of which can be switched off.

    `sweep_joins` False: the transaction that writes a shared cause marks what it sees. `later_queue` False: a record
    whose cause is known takes effect at once. `marks_the_rest` False: a portion leaves no mark. `one_transaction`
    False: the effect and the deletion of the row commit apart. `covers` False: a mark covers all later records too.
    `joins_first` False: overdue records expire without considering a cause that was read meanwhile.
    """

    portion: int = 1
    sweep_joins: bool = True
    later_queue: bool = True
    marks_the_rest: bool = True
    one_transaction: bool = True
    covers: bool = True
    joins_first: bool = True


@dataclass(frozen=True)
class Scenario:
    """`waits_again`: a released record whose cause turns out to be another, so that it is deferred again.

    `rounds`: number of rounds that look for overdue records; every record deferred at that time is overdue.
    """

    shared: bool = False
    waits_again: int | None = None
    rounds: int = 0


class Round(NamedTuple):
    """Knowledge of a round of sweeping: whether the cause had been read, and which records were overdue."""

    cause: bool
    due: tuple[int, ...]
    joined: bool = False


class State(NamedTuple):
    """State of the lane.

    `reading` and `causing`: what a transaction in progress has seen, namely the cause and the deferred rows. `waiting`:
    (row, record) in order of arrival. `upto`: the last row to release, None without a mark. `half`: records whose
    effect is committed while their row still exists. `wrongly`: records that expired although their cause was read.
    """

    next_record: int = 0
    cause: bool = False
    reading: bool | None = None
    causing: tuple[int, ...] | None = None
    waiting: tuple[tuple[int, int], ...] = ()
    next_row: int = 0
    upto: int | None = None
    effects: tuple[int, ...] = ()
    half: tuple[int, ...] = ()
    crashes: int = 1
    turns: int = 0
    rounds: int = 0
    round: Round | None = None
    wrongly: tuple[int, ...] = ()


TURNS = 12


def successors(state: State, rules: Rules, scenario: Scenario) -> Iterator[tuple[str, State]]:
    """Yield every next step: read a record, write the cause, sweep, expire, die."""
    yield from read(state, rules, scenario)
    yield from write_cause(state, rules, scenario)
    if state.reading is None:
        yield from sweep(state, rules, scenario)
        yield from expire(state, rules, scenario)
    if state.crashes and (state.reading is not None or state.half):
        yield "die", state._replace(reading=None, half=(), crashes=state.crashes - 1)


def read(state: State, rules: Rules, scenario: Scenario) -> Iterator[tuple[str, State]]:
    """Begin or commit the transaction of the next record; the lane is locked in between."""
    if state.next_record < len(RECORDS) and state.reading is None and not state.half:
        yield f"begin {state.next_record}", state._replace(reading=state.cause)
    if state.reading is not None:
        record, row = state.next_record, (state.next_row, state.next_record)
        done = state._replace(next_record=record + 1, reading=None)
        queued = rules.later_queue and (bool(state.waiting) if scenario.shared else state.upto is not None)
        if state.reading and not queued:
            yield f"{record} takes effect", done._replace(effects=(*state.effects, record))
        else:
            upto = state.upto if state.upto is None else row[0]
            yield f"{record} is deferred", done._replace(waiting=(*state.waiting, row), next_row=row[0] + 1, upto=upto)


def write_cause(state: State, rules: Rules, scenario: Scenario) -> Iterator[tuple[str, State]]:
    """Write the cause; a shared one holds no lane, and sees only rows committed before it began."""
    if scenario.shared and state.causing is not None:
        after = state._replace(cause=True, causing=None)
        yield "cause is there", after if rules.sweep_joins else after._replace(upto=max(state.causing, default=None))
    elif not state.cause and scenario.shared:
        yield "begin cause", state._replace(causing=tuple(row for row, _ in state.waiting))
    elif not state.cause and state.reading is None:
        yield "cause", state._replace(cause=True, upto=max((row for row, _ in state.waiting), default=None))


def sweep(state: State, rules: Rules, scenario: Scenario) -> Iterator[tuple[str, State]]:
    """Join deferred records with a shared cause that exists, and release the next portion of the marked ones."""
    if state.half:
        yield "forget the row", finish(state, state.half, scenario)
        return
    if scenario.shared and rules.sweep_joins and state.cause and state.waiting and state.upto is None:
        yield "mark", state._replace(upto=state.waiting[-1][0])
    if state.upto is None or state.turns >= TURNS:
        return
    due = [record for row, record in state.waiting if row <= state.upto or not rules.covers]
    portion = tuple(due[: rules.portion])
    taken = state._replace(turns=state.turns + 1)
    if not portion:
        yield "nothing is left", state._replace(upto=None)
    elif not rules.one_transaction:
        yield f"{portion} take effect", taken._replace(half=portion, effects=(*state.effects, *portion))
    else:
        kept = tuple(record for record in portion if record != scenario.waits_again)
        after = finish(taken._replace(effects=(*state.effects, *kept)), portion, scenario)
        yield f"release {portion}", after if rules.marks_the_rest else after._replace(upto=None)


def expire(state: State, rules: Rules, scenario: Scenario) -> Iterator[tuple[str, State]]:
    """Note what was read, join deferred records with it, and expire the overdue ones that were not joined."""
    now = state.round
    if now is None and state.rounds < scenario.rounds and not state.half:
        due = tuple(record for _, record in state.waiting)
        yield "note how far is read", state._replace(round=Round(state.cause, due), rounds=state.rounds + 1)
    elif now is not None and rules.joins_first and not now.joined:
        joins = scenario.shared and state.cause and state.waiting and state.upto is None
        joined = state._replace(upto=state.waiting[-1][0]) if joins else state
        # A lane with records to release is not read through, so none of its records is overdue.
        due = () if joined.upto is not None else now.due
        yield "join", joined._replace(round=now._replace(due=due, joined=True))
    elif now is not None:
        marked = -1 if state.upto is None else state.upto
        gone = tuple(record for row, record in state.waiting if record in now.due and row > marked)
        kept = tuple(one for one in state.waiting if one[1] not in gone)
        wrongly = (*state.wrongly, *gone) if now.cause else state.wrongly
        yield f"expire {gone}", state._replace(waiting=kept, round=None, wrongly=wrongly)


def finish(state: State, portion: tuple[int, ...], scenario: Scenario) -> State:
    """Delete the portion's rows, and append the record that is deferred again."""
    rows = tuple(row for row in state.waiting if row[1] not in portion)
    number = state.next_row
    for record in portion:
        if record == scenario.waits_again:
            rows, number = (*rows, (number, record)), number + 1
    return state._replace(waiting=rows, next_row=number, half=())


def breach(state: State, ended: bool, *, scenario: Scenario) -> str | None:
    """Report a record that takes effect twice, out of order, or never although its cause exists."""
    if len(set(state.effects)) < len(state.effects):
        return f"twice: {state.effects}"
    if list(state.effects) != sorted(state.effects):
        return f"overtaken: {state.effects}"
    if state.wrongly:
        return f"expired in time: {state.wrongly}"
    if state.turns >= TURNS:
        return "released for ever"
    left = {record for _, record in state.waiting} - {scenario.waits_again}
    if ended and left:
        return f"forgotten: {sorted(left)}"
    return None
