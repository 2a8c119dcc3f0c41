"""Breadth-first search over every interleaving of a small protocol.

A state is a NamedTuple or a frozen dataclass; it is hashed and copied at every step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.errors import SalurError

State = TypeVar("State", bound=Hashable)
AT_MOST = 2_000_000


class TooLarge(SalurError):
    """The protocol has too many states; make its bounds smaller."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[State]):
    """Result of a search: `breach` names the first failure and `steps` the shortest way to it, if there is one."""

    states: int
    breach: str | None
    steps: tuple[str, ...]
    end: State | None


def search(
    initial: State,
    successors: Callable[[State], Iterable[tuple[str, State]]],
    breach: Callable[[State, bool], str | None],
) -> Outcome[State]:
    """Visit every state that `successors` (name of the step, next state) reaches from `initial`.

    `breach(state, ended)` names a failure of the state, or returns None; `ended` tells that the state has no successor.
    The search stops at the first breach. Raise TooLarge beyond two million states.
    """
    reached: dict[State, tuple[State, str] | None] = {initial: None}
    queue = deque([initial])
    while queue:
        state = queue.popleft()
        following = list(successors(state))
        if wrong := breach(state, not following):
            return Outcome(len(reached), wrong, _way_to(state, reached), state)
        for step, after in following:
            if after not in reached:
                reached[after] = (state, step)
                queue.append(after)
        if len(reached) > AT_MOST:
            raise TooLarge(f"more than {AT_MOST} states; make the bounds of the protocol smaller")
    return Outcome(len(reached), None, (), None)


def _way_to(state: State, reached: dict[State, tuple[State, str] | None]) -> tuple[str, ...]:
    steps: list[str] = []
    while (came_from := reached[state]) is not None:
        state, step = came_from
        steps.append(step)
    return tuple(reversed(steps))
