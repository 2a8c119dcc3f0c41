"""After a restore: what was told binds before anybody decides.

One wave has money for one payment, and both lanes owe one. Lane A had told a partner to pay, in two records, when the
database was restored to a copy that knows nothing of it. Two replicas come back, each with a lane of its own; they may
crash and take each other's lane over. What is told in all must never be more than the money.
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
    """Each of them is needed: without it the search finds that too much is told."""

    adopts_all_lanes: bool = True
    adopts_before_it_decides: bool = True
    mark_moves_with_the_page: bool = True


@dataclass(frozen=True)
class Replica:
    """`to_adopt`: lanes whose tails it has not looked at in this session. No session: it has to open one first."""

    lanes: frozenset[str]
    session: bool = False
    to_adopt: frozenset[str] = frozenset()


@dataclass(frozen=True)
class World:
    """`adopted` records of lane A's tail are pages again, `mark` is where the next session looks from.

    `paid` are lanes in which the database knows that money was taken.
    """

    replicas: tuple[Replica, Replica] = (Replica(frozenset("A")), Replica(frozenset("B")))
    adopted: int = 0
    mark: int = 0
    paid: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset("A")
    crashes: int = 2


def successors(rules: Rules, world: World) -> Iterator[tuple[str, World]]:
    for number, replica in enumerate(world.replicas):
        name = "XY"[number]
        if not replica.session:
            lanes = frozenset(LANES) if rules.adopts_all_lanes else replica.lanes
            yield f"{name} opens a session", _with(world, number, replace(replica, session=True, to_adopt=lanes))
            continue
        yield from _adopts(rules, world, number)
        if not replica.to_adopt or not rules.adopts_before_it_decides:
            yield from _decides(world, number)
        if world.crashes:
            other = world.replicas[1 - number]
            heir = replace(other, lanes=other.lanes | replica.lanes)
            if not rules.adopts_all_lanes:
                heir = replace(heir, to_adopt=other.to_adopt | replica.lanes)
            replicas = (Replica(frozenset()), heir) if number == 0 else (heir, Replica(frozenset()))
            yield f"{name} crashes", replace(world, replicas=replicas, crashes=world.crashes - 1)


def _adopts(rules: Rules, world: World, number: int) -> Iterator[tuple[str, World]]:
    """A portion of a tail is one record; the lane's lock makes each transaction one step."""
    replica, name = world.replicas[number], "XY"[number]
    for lane in sorted(replica.to_adopt):
        looked = replace(replica, to_adopt=replica.to_adopt - {lane})
        if lane == "B" or world.mark == TAIL_OF_A:
            yield f"{name} finds no more in lane {lane}", _with(world, number, looked)
        elif world.adopted > world.mark:
            yield f"{name} finds pages", replace(world, mark=world.adopted)
        elif rules.mark_moves_with_the_page:
            yield f"{name} adopts a record", _adopted(replace(world, mark=world.mark + 1))
        else:
            yield f"{name} moves the mark", replace(world, mark=world.mark + 1)
    if not rules.mark_moves_with_the_page and "A" in replica.to_adopt and world.adopted < world.mark:
        yield f"{name} adopts a record", _adopted(world)


def _adopted(world: World) -> World:
    """The last record of the tail is the one that tells the partner to pay."""
    adopted = world.adopted + 1
    return replace(world, adopted=adopted, paid=world.paid | {"A"} if adopted == TAIL_OF_A else world.paid)


def _decides(world: World, number: int) -> Iterator[tuple[str, World]]:
    for lane in sorted(world.replicas[number].lanes - world.paid):
        if len(world.paid) < MONEY:
            step = f"{'XY'[number]} pays in lane {lane}"
            yield step, replace(world, paid=world.paid | {lane}, told=world.told | {lane})


def _with(world: World, number: int, replica: Replica) -> World:
    other = world.replicas[1 - number]
    return replace(world, replicas=(replica, other) if number == 0 else (other, replica))


def breach(world: World, ended: bool) -> str | None:
    if len(world.told) > MONEY:
        return "more was told than there is money"
    return "what was told has no money" if ended and world.paid != world.told else None


def searched(rules: Rules) -> Outcome[World]:
    return search(World(), lambda world: successors(rules, world), breach)


def test_tails_of_all_lanes_adopted_before_deciding_keep_what_was_told_within_the_money() -> None:
    outcome = searched(Rules())
    assert outcome.breach is None, outcome.steps
    assert outcome.states > 100


@pytest.mark.parametrize("rule", ["adopts_all_lanes", "adopts_before_it_decides", "mark_moves_with_the_page"])
def test_without_the_rule_another_lane_takes_the_money(rule: str) -> None:
    outcome = searched(replace(Rules(), **{rule: False}))
    assert outcome.breach == "more was told than there is money"
    assert any("pays in lane B" in step for step in outcome.steps)
