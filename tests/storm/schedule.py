"""What is going to happen, and when: the same seed makes the same schedule."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from shared.contracts.topics import SERVICES


class Kind(StrEnum):
    """What can happen to an installation under load."""

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
    Kind.KILL: 8,
    Kind.STOP: 2,
    Kind.FREEZE: 5,
    Kind.ZOMBIE: 2,
    Kind.CUT_SESSIONS: 5,
    Kind.JOIN: 3,
    Kind.LEAVE: 3,
    Kind.RESET_OFFSETS: 2,
    Kind.KILL_BROKER: 1,
    Kind.FREEZE_BROKER: 1,
    Kind.KILL_DATABASE: 1,
    Kind.STOP_DATABASE: 1,
    Kind.REPEATS: 4,
    Kind.POISON: 3,
    Kind.TAKEN_BACK: 2,
    Kind.RESTORE_SCHEMA: 2,
    Kind.CONTRADICTION: 2,
    Kind.BOMB: 1,
}
TARGETS = {
    Kind.KILL_BROKER: "kafka",
    Kind.FREEZE_BROKER: "kafka",
    Kind.KILL_DATABASE: "postgres",
    Kind.STOP_DATABASE: "postgres",
    Kind.REPEATS: "upstream",
    Kind.POISON: "upstream",
    Kind.TAKEN_BACK: "upstream",
    Kind.CONTRADICTION: "upstream",
    Kind.BOMB: "upstream",
}
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 3.0
SHORTEST_SECONDS, LONGEST_SECONDS = 0.1, 6.0


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault: when it comes, in seconds from the beginning, whom it hits, and for how long.

    `target` is a service's replica such as `payment-1`, `kafka`, `postgres` or `upstream`.
    """

    at: float
    kind: Kind
    target: str
    seconds: float


def schedule(seed: int, seconds: float) -> list[Strike]:
    """All that happens within so many seconds."""
    return list(_strikes(random.Random(f"storm-{seed}"), seconds))


def _strikes(luck: random.Random, seconds: float) -> Iterator[Strike]:
    at, extra = 0.0, set[str]()
    absent = {f"{service}-{number}" for service in SERVICES for number in EXTRA_REPLICAS}
    while (at := at + luck.uniform(SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)) < seconds:
        kind = luck.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        if kind is Kind.LEAVE and not extra:
            kind = Kind.JOIN
        if kind is Kind.JOIN and not absent:
            kind = Kind.LEAVE
        target = _target(luck, kind, absent, extra)
        yield Strike(at, kind, target, luck.uniform(SHORTEST_SECONDS, LONGEST_SECONDS))


def _target(luck: random.Random, kind: Kind, absent: set[str], extra: set[str]) -> str:
    if kind in TARGETS:
        return TARGETS[kind]
    if kind not in (Kind.JOIN, Kind.LEAVE):
        return f"{luck.choice(SERVICES)}-1"
    come_from, go_to = (absent, extra) if kind is Kind.JOIN else (extra, absent)
    target = luck.choice(sorted(come_from))
    come_from.remove(target)
    go_to.add(target)
    return target
