"""Two trainings of a participant, one incentive: whatever order their milestones come in, and whatever is restored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from tests.model.search import Outcome, search

MILESTONES = ("A completed", "A rated", "B completed", "B rated")
EARLIER = "A"
"""By the times of its events."""


@dataclass(frozen=True)
class Rules:
    """Each of them is needed."""

    a_rating_decides: bool = True
    a_grant_stands: bool = True
    what_was_announced_binds: bool = True


@dataclass(frozen=True)
class Database:
    """How far the milestones were read; with which training the incentive fell due, and whether a partner was told."""

    read: int = 0
    granted: str = ""
    told: bool = False
    announced: str = ""


@dataclass(frozen=True)
class World:
    """`said` are the milestones so far, in the order of their topic. `copy`: a backup of the database."""

    said: tuple[str, ...] = ()
    database: Database = Database()
    copy: Database | None = None
    restores: int = 2
    announced: str = ""
    told: frozenset[str] = frozenset()


def successors(rules: Rules, world: World) -> Iterator[tuple[str, World]]:
    for milestone in MILESTONES:
        if milestone not in world.said:
            yield f"{milestone} is said", replace(world, said=(*world.said, milestone))
    database = world.database
    for count in range(1, len(world.said) - database.read + 1):
        after = decided(rules, world.said, replace(database, read=database.read + count))
        announced = world.announced if after.granted == database.granted else after.granted
        yield f"{count} are read", replace(world, database=after, announced=announced)
    if database.granted and not database.told:
        told = world.told | {database.granted}
        yield "a partner is told", replace(world, database=replace(database, told=True), told=told)
    if world.copy is None:
        yield "a copy is made", replace(world, copy=database)
    elif world.restores:
        restored = world.copy if world.copy.granted else replace(world.copy, announced=world.announced)
        yield "it is restored", replace(world, database=restored, restores=world.restores - 1)


def decided(rules: Rules, said: tuple[str, ...], database: Database) -> Database:
    known = said[: database.read]
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
    return replace(database, granted=EARLIER, told=False) if moves else database


def breach(world: World, ended: bool) -> str | None:
    if len(world.told) > 1:
        return "two incentives are told"
    everything = world.database.read == len(world.said)
    earned = any({f"{one} completed", f"{one} rated"} <= set(world.said) for one in "AB")
    if everything and earned and not world.database.granted:
        return "an incentive is lost"
    return "an incentive is never told" if ended and not world.told else None


def searched(rules: Rules) -> Outcome[World]:
    return search(World(), lambda world: successors(rules, world), breach)


def test_each_who_has_completed_and_rated_a_training_is_told_of_with_one() -> None:
    outcome = searched(Rules())
    assert outcome.breach is None, outcome.steps
    assert outcome.states > 1000


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        ("a_rating_decides", "an incentive is lost"),
        ("a_grant_stands", "two incentives are told"),
        ("what_was_announced_binds", "two incentives are told"),
    ],
)
def test_without_the_rule_an_incentive_is_lost_or_doubled(rule: str, wrong: str) -> None:
    assert searched(replace(Rules(), **{rule: False})).breach == wrong
