"""Two processes of one name: in every interleaving a working process has the lanes and keeps them."""

from dataclasses import replace
from functools import partial

import pytest

from tests.model.one_name import Process, Rules, State, breach, successors
from tests.model.search import search

LOGIN_CHANGES = 3
LOGIN_REFUSED = State((Process(), Process(may_log_in=False)), login_changes=LOGIN_CHANGES)


@pytest.mark.parametrize("begin", [State(login_changes=LOGIN_CHANGES), LOGIN_REFUSED])
def test_working_process_has_the_lanes(begin: State) -> None:
    outcome = search(begin, partial(successors, Rules()), breach)
    assert (outcome.breach, outcome.steps) == (None, ())
    assert outcome.states > 100


@pytest.mark.parametrize("rule", ["enter_first", "confirm_again", "give_way"])
def test_each_rule_prevents_endless_takeovers(rule: str) -> None:
    outcome = search(LOGIN_REFUSED, partial(successors, replace(Rules(), **{rule: False})), breach)
    assert outcome.breach == "the lanes go back and forth"
