"""Deferred records are released in portions, in order, and once; each rule is shown to be needed."""

from functools import partial

import pytest

from tests.model.deferral import Rules, Scenario, State, breach, successors
from tests.model.search import Outcome, search

OWN, SHARED, ONE_WAITS_ON = Scenario(), Scenario(shared=True), Scenario(waits_again=0)
OWN_ENDS, SHARED_ENDS = Scenario(rounds=2), Scenario(shared=True, rounds=2)


def searched(rules: Rules, scenario: Scenario) -> Outcome[State]:
    return search(
        State(), partial(successors, rules=rules, scenario=scenario), lambda *of: breach(*of, scenario=scenario)
    )


@pytest.mark.parametrize("portion", [1, 2])
@pytest.mark.parametrize(
    "scenario",
    [OWN, SHARED, ONE_WAITS_ON, OWN_ENDS, SHARED_ENDS],
    ids=["own cause", "shared cause", "one is deferred again", "own cause or expiry", "shared cause or expiry"],
)
def test_deferred_records_are_released_once_and_in_order(portion: int, scenario: Scenario) -> None:
    outcome = searched(Rules(portion=portion), scenario)
    assert outcome.breach is None, outcome.steps
    assert outcome.states > 50


def test_shared_cause_that_marks_rows_itself_forgets_some() -> None:
    assert "forgotten" in str(searched(Rules(sweep_joins=False), SHARED).breach)


@pytest.mark.parametrize("scenario", [OWN, SHARED], ids=["own cause", "shared cause"])
def test_later_record_that_does_not_queue_overtakes(scenario: Scenario) -> None:
    assert "overtaken" in str(searched(Rules(later_queue=False), scenario).breach)


def test_portion_without_a_mark_forgets_the_rest() -> None:
    assert "forgotten" in str(searched(Rules(marks_the_rest=False), OWN).breach)


def test_effect_committed_before_its_row_is_deleted_comes_twice() -> None:
    assert "twice" in str(searched(Rules(one_transaction=False), OWN).breach)


def test_mark_without_an_end_releases_a_record_for_ever() -> None:
    assert "released for ever" in str(searched(Rules(covers=False), ONE_WAITS_ON).breach)


def test_round_that_does_not_join_first_expires_a_timely_record() -> None:
    assert "expired in time" in str(searched(Rules(joins_first=False), SHARED_ENDS).breach)
