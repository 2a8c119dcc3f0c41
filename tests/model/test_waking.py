"""What waits is taken up by portions, in order, and once. Each rule is shown to be needed."""

from functools import partial

import pytest

from tests.model.search import Outcome, search
from tests.model.waking import Rules, State, World, breach, successors

OWN, SHARED, ONE_WAITS_ON = World(), World(shared=True), World(waits_again=0)
OWN_ENDS, SHARED_ENDS = World(rounds=2), World(shared=True, rounds=2)


def searched(rules: Rules, world: World) -> Outcome[State]:
    return search(State(), partial(successors, rules=rules, world=world), lambda *of: breach(*of, world=world))


@pytest.mark.parametrize("portion", [1, 2])
@pytest.mark.parametrize(
    "world",
    [OWN, SHARED, ONE_WAITS_ON, OWN_ENDS, SHARED_ENDS],
    ids=["own cause", "shared cause", "one waits on", "own cause or never", "shared cause or never"],
)
def test_everything_is_taken_up_once_and_in_order(portion: int, world: World) -> None:
    outcome = searched(Rules(portion=portion), world)
    assert outcome.breach is None, outcome.steps
    assert outcome.states > 50


def test_shared_cause_that_marks_what_it_sees_forgets_what_it_cannot_see() -> None:
    assert "forgotten" in str(searched(Rules(sweep_joins=False), SHARED).breach)


@pytest.mark.parametrize("world", [OWN, SHARED], ids=["own cause", "shared cause"])
def test_later_record_that_does_not_queue_overtakes(world: World) -> None:
    assert "overtaken" in str(searched(Rules(later_queue=False), world).breach)


def test_portion_that_leaves_no_mark_forgets_the_rest() -> None:
    assert "forgotten" in str(searched(Rules(marks_the_rest=False), OWN).breach)


def test_effect_that_commits_before_its_row_is_gone_comes_twice() -> None:
    assert "twice" in str(searched(Rules(one_transaction=False), OWN).breach)


def test_mark_without_an_end_takes_up_for_ever_what_waits_again() -> None:
    assert "taken up for ever" in str(searched(Rules(covers=False), ONE_WAITS_ON).breach)


def test_round_that_does_not_join_first_gives_up_what_came_in_time() -> None:
    assert "given up in time" in str(searched(Rules(joins_first=False), SHARED_ENDS).breach)
