"""While money is short the oldest is paid first over all lanes: nobody starves, nothing strands, no ring of locks."""

from dataclasses import replace
from functools import partial

import pytest

from tests.model.search import Outcome, search
from tests.model.shortage import NEW, QUEUED, Fund, Purse, Rules, State, World, breach, successors

# Lane 2 stands still with a full purse, and somebody waits in it. Another lane's newcomers are younger and older.
STANDING_STILL = World(
    lanes=(0, 2, 1, 0), amounts=(4, 2, 3, 1), block=4, stopped=frozenset({2}), together=((0, 3), (3, 0))
)
SHORT = State(
    fund=Fund(appropriated=6, drawn=4, short=True),
    purses=(Purse(0, 0), Purse(0, 0), Purse(drawn=4, spent=0)),
    places=(NEW, QUEUED, NEW, NEW),
    owners=(0, 1, 1),
    running=(None, None),
    coming=(3,),
)
# Two lanes have all the money in their purses, and it does not last.
DRAWN = World(lanes=(0, 1, 0, 1), amounts=(3, 2, 2, 1), block=3, together=((0, 2), (2, 0), (3, 1)))
PLENTY = State(
    fund=Fund(appropriated=6, drawn=6, short=False),
    purses=(Purse(drawn=3, spent=0), Purse(drawn=3, spent=0)),
    places=(NEW,) * 4,
    owners=(0, 1),
    running=(None, None),
    coming=(2,),
)
NO_MORE = PLENTY._replace(coming=())


def once(start: State, trouble: str) -> State:
    return State(**start._asdict() | {trouble: 1})


def outcome(world: World, start: State) -> Outcome[State]:
    return search(start, partial(successors, world), partial(breach, world))


@pytest.mark.parametrize("trouble", ["rejections", "obstacles", "crashes"])
@pytest.mark.parametrize(("world", "start"), [(STANDING_STILL, SHORT), (DRAWN, PLENTY)], ids=["stopped", "drawn"])
def test_every_interleaving_pays_in_order_of_age(world: World, start: State, trouble: str) -> None:
    """A rejection gives money back, an obstacle takes the oldest out of the queue, a crash leaves lanes to nobody."""
    assert outcome(world, once(start, trouble)).breach is None


def test_nobody_waits_behind_one_that_would_be_held_for_something_else() -> None:
    assert outcome(DRAWN, once(NO_MORE, "obstacles")).breach is None


@pytest.mark.parametrize(
    ("rule", "world", "start", "seen"),
    [
        ("the_flag_closes_the_fast_path", DRAWN, PLENTY, "3 overtakes [2]"),
        ("the_queue_spans_all_lanes", STANDING_STILL, SHORT, "3 overtakes [1]"),
        ("no_blocks_while_short", STANDING_STILL, SHORT, "3 overtakes [1]"),
        ("purses_of_all_lanes_are_emptied", STANDING_STILL, SHORT, "[2] starve"),
        ("locked_purses_are_passed_over", DRAWN, PLENTY, "deadlock"),
        ("a_purse_is_spent_only_while_it_holds_the_money", DRAWN, PLENTY, "overdrawn"),
        ("the_queue_changes_under_the_lock", DRAWN, PLENTY, "the flag does not agree with the queue"),
        ("money_given_back_has_a_book_of_its_own", DRAWN, PLENTY, "deadlock"),
        ("whoever_the_money_ends_at_is_looked_at_too", DRAWN, once(NO_MORE, "obstacles"), "[3] starve"),
    ],
)
def test_without_a_rule_the_search_finds_what_it_is_for(rule: str, world: World, start: State, seen: str) -> None:
    without = replace(world, rules=replace(Rules(), **{rule: False}))
    assert outcome(without, start).breach == seen
