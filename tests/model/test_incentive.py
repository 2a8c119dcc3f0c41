"""Two trainings of a participant and one incentive, for every order of milestones and every restore."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from tests.model.search import Outcome, search

MILESTONES = ("A completed", "A rated", "B completed", "B rated")
EARLIER = "A"
"""The training that comes first by the times of its events."""


@dataclass(frozen=True)
class Rules:
    """Rules that the search can switch off one by one."""

    a_rating_decides: bool = True
    a_grant_stands: bool = True
    what_was_announced_binds: bool = True


@dataclass(frozen=True)
class Database:
    """Position in the milestones, the training that earned the incentive, and whether a partner was instructed."""

    read: int = 0
    granted: str = ""
    instructed: bool = False
    announced: str = ""


@dataclass(frozen=True)
class State:
    """`emitted`: milestones so far, in the order of their topic; `copy`: a backup of the database."""

    emitted: tuple[str, ...] = ()
    database: Database = Database()
    copy: Database | None = None
    restores: int = 2
    announced: str = ""
    instructed: frozenset[str] = frozenset()


def successors(rules: Rules, state: State) -> Iterator[tuple[str, State]]:
    for milestone in MILESTONES:
        if milestone not in state.emitted:
            yield f"{milestone} is emitted", replace(state, emitted=(*state.emitted, milestone))
    database = state.database
    for count in range(1, len(state.emitted) - database.read + 1):
        after = decided(rules, state.emitted, replace(database, read=database.read + count))
        announced = state.announced if after.granted == database.granted else after.granted
        yield f"{count} are read", replace(state, database=after, announced=announced)
    if database.granted and not database.instructed:
        instructed = state.instructed | {database.granted}
        yield (
            "a partner is instructed",
            replace(state, database=replace(database, instructed=True), instructed=instructed),
        )
    if state.copy is None:
        yield "a copy is made", replace(state, copy=database)
    elif state.restores:
        restored = state.copy if state.copy.granted else replace(state.copy, announced=state.announced)
        yield "it is restored", replace(state, database=restored, restores=state.restores - 1)


def decided(rules: Rules, emitted: tuple[str, ...], database: Database) -> Database:
    known = emitted[: database.read]
    completed = [milestone[0] for milestone in known if milestone.endswith("completed")]
    earned = sorted(training for training in completed if f"{training} rated" in known)
    if not rules.a_rating_decides:
        earned = [training for training in earned if training == completed[0]]
    if rules.what_was_announced_binds and database.announced:
        earned = [training for training in earned if training == database.announced]
    if not earned:
        return database
    if not database.granted:
        return replace(database, granted=earned[0])
    moves = not rules.a_grant_stands and database.granted != EARLIER and EARLIER in earned
    return replace(database, granted=EARLIER, instructed=False) if moves else database


def breach(state: State, ended: bool) -> str | None:
    if len(state.instructed) > 1:
        return "two incentives are instructed"
    everything = state.database.read == len(state.emitted)
    earned = any({f"{one} completed", f"{one} rated"} <= set(state.emitted) for one in "AB")
    if everything and earned and not state.database.granted:
        return "an incentive is lost"
    return "an incentive is never instructed" if ended and not state.instructed else None


def searched(rules: Rules) -> Outcome[State]:
    return search(State(), lambda state: successors(rules, state), breach)


def test_completed_and_rated_training_gets_one_incentive() -> None:
    outcome = searched(Rules())
    assert outcome.breach is None, outcome.steps
    assert outcome.states > 1000


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        ("a_rating_decides", "an incentive is lost"),
        ("a_grant_stands", "two incentives are instructed"),
        ("what_was_announced_binds", "two incentives are instructed"),
    ],
)
def test_each_rule_prevents_a_lost_or_double_incentive(rule: str, wrong: str) -> None:
    assert searched(replace(Rules(), **{rule: False})).breach == wrong
