"""An internal record that cannot be read stops its lane until one of three cures; a stranger's stops it never for long.

Each rule is needed: without it the search finds the lane that stands still for ever, or the number that was skipped.
"""

from dataclasses import replace

import pytest

from tests.model.internal_reading import NEVER, NEW, Budget, Protocol, Rules, State, breach
from tests.model.search import Outcome, search

Scene = tuple[dict[int, int], Budget]
"""Which events need which binary, and what may happen."""

MANGLED: Scene = ({}, Budget(mangled=1, foreign=1, again=1))
TOO_NEW: Scene = ({2: NEW}, Budget(foreign=1, upgrade=1, resume=1))
WRONG_FOR_EVER: Scene = ({2: NEVER}, Budget(foreign=1, passing=1))
STRANGERS: Scene = ({}, Budget(foreign=2))
SCENES = {
    "mangled": MANGLED,
    "too new": TOO_NEW,
    "wrong for ever": WRONG_FOR_EVER,
    "strangers alone": STRANGERS,
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
        ("number_first", WRONG_FOR_EVER),
        ("fit", STRANGERS),
        ("read_on", MANGLED),
        ("seek_back", TOO_NEW),
        ("take_number", WRONG_FOR_EVER),
        ("stay_unreadable", TOO_NEW),
    ],
)
def test_each_reading_rule_is_needed(rule: str, scene: Scene) -> None:
    assert searched(replace(Rules(), **{rule: False}), scene).breach is not None
