"""Model two processes of one name in a group that knows its members by name, and the row that says whose name it is.

Kafka gives a name to whoever joined last, and tells the other at its next heartbeat that it is not known. Each has its
Postgres session, which may be refused to it. The row holds the number of the process that entered its name last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

NOBODY = -1
TURNS = 2
"""One that was about to join when the other entered its name may do so yet, and the other takes its place again."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that the search may switch off one by one."""

    enter_first: bool = True
    """A process joins only after it has entered its name in a working session."""
    confirm_again: bool = True
    """Whoever was told that it is not known confirms its name in a working session before it joins again."""
    give_way: bool = True
    """Whoever finds a later process in the row ends itself."""


class Process(NamedTuple):
    """`entered`: it has written its name, once in its life; `sure`: it has looked since it was last told to join."""

    runs: bool = False
    may_log_in: bool = True
    entered: bool = False
    sure: bool = False
    joined: bool = False


class State(NamedTuple):
    """`owner` is who stands in the row, `member` whom Kafka takes for the name's. `doors`: log-ins that may change yet.

    `turns`: how often one has taken the lanes from the other since a process began, or a door changed.
    """

    processes: tuple[Process, Process] = (Process(), Process())
    owner: int = NOBODY
    member: int = NOBODY
    doors: int = 0
    turns: int = 0


def successors(rules: Rules, state: State) -> Iterator[tuple[str, State]]:
    """Yield each step that either process, or whoever keeps the database's doors, may take next."""
    for number, process in enumerate(state.processes):
        if not process.runs and not process.entered and (number == 0 or state.processes[0].runs):
            yield f"start {number}", _with(state, number, process._replace(runs=True))
        if state.doors:
            opened = _with(state, number, process._replace(may_log_in=not process.may_log_in))
            yield f"door {number}", opened._replace(doors=state.doors - 1, turns=0)
        if process.runs:
            yield from _of(rules, state, number, process)


def _of(rules: Rules, state: State, number: int, process: Process) -> Iterator[tuple[str, State]]:
    if process.may_log_in and not process.sure:
        if not process.entered:
            entered = process._replace(entered=True, sure=True)
            yield f"enter {number}", _with(state, number, entered)._replace(owner=number, turns=0)
        elif state.owner == number or not rules.give_way:
            yield f"confirm {number}", _with(state, number, process._replace(sure=True))
        else:
            gone = _with(state, number, process._replace(runs=False, joined=False))
            yield f"end {number}", gone._replace(member=NOBODY) if state.member == number else gone
    may_join = process.sure or not (rules.confirm_again if process.entered else rules.enter_first)
    if not process.joined and may_join:
        turns = state.turns + state.processes[1 - number].joined
        joined = _with(state, number, process._replace(joined=True))
        yield f"join {number}", joined._replace(member=number, turns=turns)
    if process.joined and state.member != number:
        yield f"told {number}", _with(state, number, process._replace(joined=False, sure=False))


def _with(state: State, number: int, process: Process) -> State:
    first, second = state.processes
    return state._replace(processes=(process, second) if number == 0 else (first, process))


def breach(state: State, ended: bool) -> str | None:
    """Name what is wrong; None: nothing is."""
    if state.turns > TURNS:
        return "the lanes go to and fro"
    able = [p for p in state.processes if p.runs and p.may_log_in]
    if ended and able and not any(p.joined and p.sure for p in able):
        return "nobody who could work has the lanes"
    return None
