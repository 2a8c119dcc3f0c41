"""Two processes of one name: whoever can work has the lanes, and nobody else takes them, in every interleaving."""

from dataclasses import replace
from functools import partial

import pytest

from tests.model.one_name import Process, Rules, State, breach, successors
from tests.model.search import search

DOORS = 3
SHUT = State((Process(), Process(may_log_in=False)), doors=DOORS)


@pytest.mark.parametrize("begin", [State(doors=DOORS), SHUT])
def test_working_process_has_the_lanes(begin: State) -> None:
    outcome = search(begin, partial(successors, Rules()), breach)
    assert (outcome.breach, outcome.steps) == (None, ())
    assert outcome.states > 100


@pytest.mark.parametrize("rule", ["enter_first", "confirm_again", "give_way"])
def test_each_rule_prevents_endless_takeovers(rule: str) -> None:
    outcome = search(SHUT, partial(successors, replace(Rules(), **{rule: False})), breach)
    assert outcome.breach == "the lanes go to and fro"
