"""Model of a lane that catches up after a restore: what a block had held is not paid before the block is read again.

A completion and perhaps a block were read before the restore, from two topics; the completion is due, and the cut-off
of its wave has come. Batches are read between the timers of a round, in any order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from tests.model.search import Outcome, search

ROUNDS_AFTER_ALL_IS_READ = 3


@dataclass(frozen=True)
class Rules:
    """Rules without which the search finds a payment in spite of the block, or one forfeited though it was in time."""

    pays_only_when_caught_up: bool = True
    awaits_all_topics: bool = True
    cut_off_awaits_catching_up: bool = True
    catching_up_ends_last: bool = True

    @property
    def timers(self) -> tuple[str, ...]:
        """The timers of a round; `positions` raises the watermark."""
        last = ("cut off", "end") if self.catching_up_ends_last else ("end", "cut off")
        return ("release", "positions", *last)


@dataclass(frozen=True)
class State:
    """`unread`: facts to be read again; `timer`: the next of the round; `rounds`: begun since all is read."""

    unread: frozenset[str]
    blocked: bool
    catching_up: bool = True
    read_through: bool = False
    passed: bool = False
    right: str = ""
    timer: int = 0
    rounds: int = 0


def successors(rules: Rules, state: State) -> Iterator[tuple[str, State]]:
    for fact in sorted(state.unread):
        after = replace(state, unread=state.unread - {fact})
        due = fact == "completion" or state.right == "held"
        yield f"reads the {fact}", _decided(rules, after) if due else after
    if state.rounds < ROUNDS_AFTER_ALL_IS_READ:
        timer = rules.timers[state.timer]
        yield timer, _turned(rules, _swept(rules, state, timer))


def _swept(rules: Rules, state: State, timer: str) -> State:
    if timer == "release" and state.right == "held":
        return _decided(rules, state)
    if timer == "positions":
        awaited = {"completion", "block"} if rules.awaits_all_topics else {"completion"}
        return replace(state, read_through=not state.unread & awaited)
    if timer == "end" and state.read_through:
        return replace(state, catching_up=False)
    waits = state.catching_up and rules.cut_off_awaits_catching_up
    if timer == "cut off" and state.read_through and not waits:
        after = replace(state, passed=True)
        return _decided(rules, after) if state.right == "held" else after
    return state


def _turned(rules: Rules, state: State) -> State:
    following = (state.timer + 1) % len(rules.timers)
    return replace(state, timer=following, rounds=state.rounds + (following == 0 and not state.unread))


def _decided(rules: Rules, state: State) -> State:
    if state.passed:
        return replace(state, right="forfeited")
    known_blocked = state.blocked and "block" not in state.unread
    waits = state.catching_up and rules.pays_only_when_caught_up
    return replace(state, right="held" if known_blocked or waits else "paid")


def breach(state: State, ended: bool) -> str | None:
    if state.blocked:
        return "what a block had held was paid" if state.right == "paid" else None
    if state.right == "forfeited":
        return "what was in time was forfeited untried"
    return "what waited was never paid" if ended and state.right != "paid" else None


def searched(rules: Rules, *, blocked: bool) -> Outcome[State]:
    unread = frozenset({"completion", "block"} if blocked else {"completion"})
    return search(State(unread, blocked), lambda state: successors(rules, state), breach)


@pytest.mark.parametrize("blocked", [True, False])
def test_lane_that_catches_up_pays_what_it_should_and_nothing_else(blocked: bool) -> None:
    outcome = searched(Rules(), blocked=blocked)
    assert outcome.breach is None, outcome.steps
    assert outcome.states > 10


@pytest.mark.parametrize("rule", ["pays_only_when_caught_up", "awaits_all_topics"])
def test_each_rule_keeps_what_a_block_had_held(rule: str) -> None:
    outcome = searched(replace(Rules(), **{rule: False}), blocked=True)
    assert outcome.breach == "what a block had held was paid"


@pytest.mark.parametrize("rule", ["cut_off_awaits_catching_up", "catching_up_ends_last"])
def test_each_rule_pays_what_was_in_time_before_the_cut_off(rule: str) -> None:
    outcome = searched(replace(Rules(), **{rule: False}), blocked=False)
    assert outcome.breach == "what was in time was forfeited untried"
