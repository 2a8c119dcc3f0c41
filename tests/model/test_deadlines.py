"""Deadlines wait for the records that can precede them, and for no others; each rule is shown to be needed."""

from functools import partial

import pytest

from tests.model.deadlines import REPORTS, SHARED, Rules, Scenario, State, breach, initial, successors
from tests.model.search import Outcome, search

QUIET = Scenario()
LANE_STOPPED = Scenario(standing=frozenset({1}))
LANE_STOPPED_FOR_A_WHILE = Scenario(standing=frozenset({0}), resumes=True)
PARTITION_STOPPED = Scenario(standing=frozenset({SHARED}))
PARTITION_STOPPED_FOR_A_WHILE = Scenario(standing=frozenset({SHARED}), resumes=True)
OTHER_TOPIC_STOPPED = Scenario(standing=frozenset({REPORTS}))
RECORD_LOST = Scenario(lost=True)
SCENARIOS = {
    "nothing stands still": QUIET,
    "a lane stands still": LANE_STOPPED,
    "a lane stands still for a while": LANE_STOPPED_FOR_A_WHILE,
    "an external partition stands still": PARTITION_STOPPED,
    "an external partition stands still for a while": PARTITION_STOPPED_FOR_A_WHILE,
    "a topic that precedes no deadline stands still": OTHER_TOPIC_STOPPED,
    "a record is lost and published again": RECORD_LOST,
}


def searched(rules: Rules, scenario: Scenario) -> Outcome[State]:
    return search(initial(scenario), partial(successors, rules=rules, scenario=scenario), breach)


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_deadline_acts_once_no_record_can_precede_it(scenario: Scenario) -> None:
    outcome = searched(Rules(), scenario)
    assert outcome.breach is None, outcome.steps
    assert outcome.states > 10


def test_deadline_without_a_watermark_acts_before_the_backlog() -> None:
    assert "acts before" in str(searched(Rules(waits=False), QUIET).breach)


def test_watermark_of_all_lanes_starves_deadlines_of_other_lanes() -> None:
    assert "starved" in str(searched(Rules(per_lane=False), LANE_STOPPED).breach)


def test_watermark_over_all_topics_starves_every_deadline() -> None:
    assert "starved" in str(searched(Rules(named_topics=False), OTHER_TOPIC_STOPPED).breach)


def test_deadline_that_ignores_rows_acts_before_a_record_set_aside() -> None:
    assert "acts before" in str(searched(Rules(own_rows=False), LANE_STOPPED_FOR_A_WHILE).breach)


def test_watermark_by_offsets_alone_acts_before_a_republished_record() -> None:
    assert "acts before" in str(searched(Rules(numbers=False), RECORD_LOST).breach)
