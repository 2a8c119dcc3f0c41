"""Schedule of a storm: a sequence of faults drawn from a seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from shared.contracts.topics import SERVICES


class FaultKind(StrEnum):
    """Kind of fault that an installation can meet under load."""

    KILL = "kill"
    STOP = "stop"
    FREEZE = "freeze"
    ZOMBIE = "zombie"
    CUT_SESSIONS = "cut_sessions"
    JOIN = "join"
    LEAVE = "leave"
    RESET_OFFSETS = "reset_offsets"
    KILL_BROKER = "kill_broker"
    FREEZE_BROKER = "freeze_broker"
    KILL_DATABASE = "kill_database"
    STOP_DATABASE = "stop_database"
    REPEATS = "repeats"
    POISON = "poison"
    TAKEN_BACK = "taken_back"
    RESTORE_SCHEMA = "restore_schema"
    CONTRADICTION = "contradiction"
    BOMB = "bomb"


EXTRA_REPLICAS = (2, 3)
WEIGHTS = {
    FaultKind.KILL: 8,
    FaultKind.STOP: 2,
    FaultKind.FREEZE: 5,
    FaultKind.ZOMBIE: 2,
    FaultKind.CUT_SESSIONS: 5,
    FaultKind.JOIN: 3,
    FaultKind.LEAVE: 3,
    FaultKind.RESET_OFFSETS: 2,
    FaultKind.KILL_BROKER: 1,
    FaultKind.FREEZE_BROKER: 1,
    FaultKind.KILL_DATABASE: 1,
    FaultKind.STOP_DATABASE: 1,
    FaultKind.REPEATS: 4,
    FaultKind.POISON: 3,
    FaultKind.TAKEN_BACK: 2,
    FaultKind.RESTORE_SCHEMA: 2,
    FaultKind.CONTRADICTION: 2,
    FaultKind.BOMB: 1,
}
TARGETS = {
    FaultKind.KILL_BROKER: "kafka",
    FaultKind.FREEZE_BROKER: "kafka",
    FaultKind.KILL_DATABASE: "postgres",
    FaultKind.STOP_DATABASE: "postgres",
    FaultKind.REPEATS: "upstream",
    FaultKind.POISON: "upstream",
    FaultKind.TAKEN_BACK: "upstream",
    FaultKind.CONTRADICTION: "upstream",
    FaultKind.BOMB: "upstream",
}
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 3.0
SHORTEST_SECONDS, LONGEST_SECONDS = 0.1, 6.0


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One fault: its time and duration in seconds, and its target.

    `target` is a service's replica such as `payment-1`, `kafka`, `postgres` or `upstream`.
    """

    at: float
    kind: FaultKind
    target: str
    seconds: float


def schedule(seed: int, seconds: float) -> list[PlannedFault]:
    """Return all faults of the first so many seconds; equal seeds give equal faults."""
    return list(_planned_faults(random.Random(f"storm-{seed}"), seconds))


def _planned_faults(rng: random.Random, seconds: float) -> Iterator[PlannedFault]:
    at, extra = 0.0, set[str]()
    absent = {f"{service}-{number}" for service in SERVICES for number in EXTRA_REPLICAS}
    while (at := at + rng.uniform(SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)) < seconds:
        kind = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        if kind is FaultKind.LEAVE and not extra:
            kind = FaultKind.JOIN
        if kind is FaultKind.JOIN and not absent:
            kind = FaultKind.LEAVE
        target = _target(rng, kind, absent, extra)
        yield PlannedFault(at, kind, target, rng.uniform(SHORTEST_SECONDS, LONGEST_SECONDS))


def _target(rng: random.Random, kind: FaultKind, absent: set[str], extra: set[str]) -> str:
    if kind in TARGETS:
        return TARGETS[kind]
    if kind not in (FaultKind.JOIN, FaultKind.LEAVE):
        return f"{rng.choice(SERVICES)}-1"
    come_from, go_to = (absent, extra) if kind is FaultKind.JOIN else (extra, absent)
    target = rng.choice(sorted(come_from))
    come_from.remove(target)
    go_to.add(target)
    return target
