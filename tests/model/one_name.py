"""Model of two processes of one name, the consumer group, and the database row that says which process owns the name.

Kafka gives a name to the process that joined last, and fences the other at its next heartbeat. Each process has its
PostgreSQL session, which may be refused. The row holds the number of the process that entered the name last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

NOBODY = -1
TAKEOVERS = 2
"""Takeovers that are allowed: a process about to join when the other entered the name, and the other's return."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules that the search can switch off one by one."""

    enter_first: bool = True
    """A process joins only after it has entered its name in a working session."""
    confirm_again: bool = True
    """A fenced process confirms its name in a working session before it joins again."""
    give_way: bool = True
    """A process that finds a later one in the row exits."""


class Process(NamedTuple):
    """`entered`: it has written its name, once in its life; `confirmed`: checked again since it was last fenced."""

    runs: bool = False
    may_log_in: bool = True
    entered: bool = False
    confirmed: bool = False
    joined: bool = False


class State(NamedTuple):
    """State of both processes.

    `owner`: the process in the row; `member`: the process that Kafka knows. `login_changes`: how often a permission to
    log in may still change. `takeovers`: of the lanes, since a process was started or a permission changed.
    """

    processes: tuple[Process, Process] = (Process(), Process())
    owner: int = NOBODY
    member: int = NOBODY
    login_changes: int = 0
    takeovers: int = 0


def successors(rules: Rules, state: State) -> Iterator[tuple[str, State]]:
    """Yield every next step of either process, and every change of its permission to log in."""
    for number, process in enumerate(state.processes):
        if not process.runs and not process.entered and (number == 0 or state.processes[0].runs):
            yield f"start {number}", _with(state, number, process._replace(runs=True))
        if state.login_changes:
            changed = _with(state, number, process._replace(may_log_in=not process.may_log_in))
            yield f"login of {number} changes", changed._replace(login_changes=state.login_changes - 1, takeovers=0)
        if process.runs:
            yield from _of(rules, state, number, process)


def _of(rules: Rules, state: State, number: int, process: Process) -> Iterator[tuple[str, State]]:
    if process.may_log_in and not process.confirmed:
        if not process.entered:
            entered = process._replace(entered=True, confirmed=True)
            yield f"enter {number}", _with(state, number, entered)._replace(owner=number, takeovers=0)
        elif state.owner == number or not rules.give_way:
            yield f"confirm {number}", _with(state, number, process._replace(confirmed=True))
        else:
            gone = _with(state, number, process._replace(runs=False, joined=False))
            yield f"end {number}", gone._replace(member=NOBODY) if state.member == number else gone
    may_join = process.confirmed or not (rules.confirm_again if process.entered else rules.enter_first)
    if not process.joined and may_join:
        takeovers = state.takeovers + state.processes[1 - number].joined
        joined = _with(state, number, process._replace(joined=True))
        yield f"join {number}", joined._replace(member=number, takeovers=takeovers)
    if process.joined and state.member != number:
        yield f"fence {number}", _with(state, number, process._replace(joined=False, confirmed=False))


def _with(state: State, number: int, process: Process) -> State:
    first, second = state.processes
    return state._replace(processes=(process, second) if number == 0 else (first, process))


def breach(state: State, ended: bool) -> str | None:
    """Report lanes that go back and forth, or that no working process has."""
    if state.takeovers > TAKEOVERS:
        return "the lanes go back and forth"
    able = [p for p in state.processes if p.runs and p.may_log_in]
    if ended and able and not any(p.joined and p.confirmed for p in able):
        return "no working process has the lanes"
    return None
