"""Model of a restore: former instructions bind before any lane decides.

One wave has money for one payment, and both lanes owe one. Lane A had instructed a partner to pay, in two records, when
the database was restored to a copy without them. Two replicas come back, each with a lane of its own; they may crash
and take over each other's lane. The instructions must never exceed the money.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from tests.model.search import Outcome, search

LANES = ("A", "B")
TAIL_OF_A = 2
MONEY = 1


@dataclass(frozen=True)
class Rules:
    """Rules without which the search finds that too much is instructed."""

    adopts_all_lanes: bool = True
    adopts_before_it_decides: bool = True
    mark_moves_with_the_page: bool = True


@dataclass(frozen=True)
class Replica:
    """`to_adopt`: lanes whose tails it has not read in this session; without a session it must open one first."""

    lanes: frozenset[str]
    session: bool = False
    to_adopt: frozenset[str] = frozenset()


@dataclass(frozen=True)
class State:
    """`adopted`: records of lane A's tail that are pages again; `mark`: where the next session reads on.

    `paid`: lanes in which the database knows that money was taken.
    """

    replicas: tuple[Replica, Replica] = (Replica(frozenset("A")), Replica(frozenset("B")))
    adopted: int = 0
    mark: int = 0
    paid: frozenset[str] = frozenset()
    instructed: frozenset[str] = frozenset("A")
    crashes: int = 2


def successors(rules: Rules, state: State) -> Iterator[tuple[str, State]]:
    for number, replica in enumerate(state.replicas):
        name = "XY"[number]
        if not replica.session:
            lanes = frozenset(LANES) if rules.adopts_all_lanes else replica.lanes
            yield f"{name} opens a session", _with(state, number, replace(replica, session=True, to_adopt=lanes))
            continue
        yield from _adopts(rules, state, number)
        if not replica.to_adopt or not rules.adopts_before_it_decides:
            yield from _decides(state, number)
        if state.crashes:
            other = state.replicas[1 - number]
            successor = replace(other, lanes=other.lanes | replica.lanes)
            if not rules.adopts_all_lanes:
                successor = replace(successor, to_adopt=other.to_adopt | replica.lanes)
            replicas = (Replica(frozenset()), successor) if number == 0 else (successor, Replica(frozenset()))
            yield f"{name} crashes", replace(state, replicas=replicas, crashes=state.crashes - 1)


def _adopts(rules: Rules, state: State, number: int) -> Iterator[tuple[str, State]]:
    """Adopt one record per portion; the lane's lock makes each transaction one step."""
    replica, name = state.replicas[number], "XY"[number]
    for lane in sorted(replica.to_adopt):
        looked = replace(replica, to_adopt=replica.to_adopt - {lane})
        if lane == "B" or state.mark == TAIL_OF_A:
            yield f"{name} finds no more in lane {lane}", _with(state, number, looked)
        elif state.adopted > state.mark:
            yield f"{name} finds pages", replace(state, mark=state.adopted)
        elif rules.mark_moves_with_the_page:
            yield f"{name} adopts a record", _adopted(replace(state, mark=state.mark + 1))
        else:
            yield f"{name} moves the mark", replace(state, mark=state.mark + 1)
    if not rules.mark_moves_with_the_page and "A" in replica.to_adopt and state.adopted < state.mark:
        yield f"{name} adopts a record", _adopted(state)


def _adopted(state: State) -> State:
    """Adopt the next record; the last one of the tail instructs the partner."""
    adopted = state.adopted + 1
    return replace(state, adopted=adopted, paid=state.paid | {"A"} if adopted == TAIL_OF_A else state.paid)


def _decides(state: State, number: int) -> Iterator[tuple[str, State]]:
    for lane in sorted(state.replicas[number].lanes - state.paid):
        if len(state.paid) < MONEY:
            step = f"{'XY'[number]} pays in lane {lane}"
            yield step, replace(state, paid=state.paid | {lane}, instructed=state.instructed | {lane})


def _with(state: State, number: int, replica: Replica) -> State:
    other = state.replicas[1 - number]
    return replace(state, replicas=(replica, other) if number == 0 else (other, replica))


def breach(state: State, ended: bool) -> str | None:
    if len(state.instructed) > MONEY:
        return "more was instructed than there is money"
    return "what was instructed has no money" if ended and state.paid != state.instructed else None


def searched(rules: Rules) -> Outcome[State]:
    return search(State(), lambda state: successors(rules, state), breach)


def test_instructions_after_a_restore_stay_within_the_money() -> None:
    outcome = searched(Rules())
    assert outcome.breach is None, outcome.steps
    assert outcome.states > 100


@pytest.mark.parametrize("rule", ["adopts_all_lanes", "adopts_before_it_decides", "mark_moves_with_the_page"])
def test_each_rule_keeps_the_money_for_its_lane(rule: str) -> None:
    outcome = searched(replace(Rules(), **{rule: False}))
    assert outcome.breach == "more was instructed than there is money"
    assert any("pays in lane B" in step for step in outcome.steps)
