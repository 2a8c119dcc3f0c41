"""An unreadable internal record stops its lane until one of three repairs; a foreign record never stops it for long.

Each rule is needed: without it the search finds a lane that stands still for ever, or a skipped number.
"""

from dataclasses import replace

import pytest

from tests.model.internal_reading import NEVER, NEW, Budget, Protocol, Rules, State, breach
from tests.model.search import Outcome, search

Scene = tuple[dict[int, int], Budget]
"""The binary that each event needs, and the faults and repairs that may happen."""

DAMAGED: Scene = ({}, Budget(damaged=1, foreign=1, again=1))
TOO_NEW: Scene = ({2: NEW}, Budget(foreign=1, upgrade=1, resume=1))
INVALID_FOR_EVER: Scene = ({2: NEVER}, Budget(foreign=1, passing=1))
FOREIGN: Scene = ({}, Budget(foreign=2))
SCENES = {
    "damaged": DAMAGED,
    "too new": TOO_NEW,
    "invalid for ever": INVALID_FOR_EVER,
    "foreign records alone": FOREIGN,
}


def searched(rules: Rules, scene: Scene) -> Outcome[State]:
    readable_by, budget = scene
    return search(State(budget=budget), Protocol(rules, readable_by).successors, breach)


@pytest.mark.parametrize("scene", SCENES.values(), ids=list(SCENES))
def test_every_number_acts_once_in_order_or_is_parked(
    scene: Scene,
) -> None:
    outcome = searched(Rules(), scene)
    assert outcome.breach is None, outcome.steps
    assert outcome.states > 100


@pytest.mark.parametrize(
    ("rule", "scene"),
    [
        ("number_first", TOO_NEW),
        ("number_first", INVALID_FOR_EVER),
        ("fit", FOREIGN),
        ("read_on", DAMAGED),
        ("seek_back", TOO_NEW),
        ("take_number", INVALID_FOR_EVER),
        ("stay_unreadable", TOO_NEW),
    ],
)
def test_each_reading_rule_is_needed(rule: str, scene: Scene) -> None:
    assert searched(replace(Rules(), **{rule: False}), scene).breach is not None
