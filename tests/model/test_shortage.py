"""While money is short the oldest payment of all lanes goes first; none starves, no money is stranded, no deadlock."""

from dataclasses import replace
from functools import partial

import pytest

from tests.model.search import Outcome, search
from tests.model.shortage import NEW, QUEUED, Allotment, Fund, Rules, Setup, State, breach, successors

# Lane 2 stands still with a full allotment and a queued payment; another lane gets younger and older payments.
STANDING_STILL = Setup(
    lanes=(0, 2, 1, 0), amounts=(4, 2, 3, 1), block=4, stopped=frozenset({2}), together=((0, 3), (3, 0))
)
SHORT = State(
    fund=Fund(appropriated=6, allotted=4, short=True),
    allotments=(Allotment(0, 0), Allotment(0, 0), Allotment(allotted=4, reserved=0)),
    places=(NEW, QUEUED, NEW, NEW),
    owners=(0, 1, 1),
    running=(None, None),
    coming=(3,),
)
# The allotments of two lanes hold all the money, which does not suffice.
ALLOTTED = Setup(lanes=(0, 1, 0, 1), amounts=(3, 2, 2, 1), block=3, together=((0, 2), (2, 0), (3, 1)))
PLENTY = State(
    fund=Fund(appropriated=6, allotted=6, short=False),
    allotments=(Allotment(allotted=3, reserved=0), Allotment(allotted=3, reserved=0)),
    places=(NEW,) * 4,
    owners=(0, 1),
    running=(None, None),
    coming=(2,),
)
NO_MORE = PLENTY._replace(coming=())


def once(start: State, trouble: str) -> State:
    return State(**start._asdict() | {trouble: 1})


def outcome(setup: Setup, start: State) -> Outcome[State]:
    return search(start, partial(successors, setup), partial(breach, setup))


@pytest.mark.parametrize("trouble", ["rejections", "obstacles", "crashes"])
@pytest.mark.parametrize(("setup", "start"), [(STANDING_STILL, SHORT), (ALLOTTED, PLENTY)], ids=["stopped", "allotted"])
def test_every_interleaving_pays_in_order_of_age(setup: Setup, start: State, trouble: str) -> None:
    """A rejection returns money, an obstacle removes the oldest from the queue, a crash takes lanes' owners away."""
    assert outcome(setup, once(start, trouble)).breach is None


def test_no_payment_waits_behind_one_held_for_another_reason() -> None:
    assert outcome(ALLOTTED, once(NO_MORE, "obstacles")).breach is None


@pytest.mark.parametrize(
    ("rule", "setup", "start", "seen"),
    [
        ("the_flag_closes_the_fast_path", ALLOTTED, PLENTY, "3 overtakes [2]"),
        ("the_queue_spans_all_lanes", STANDING_STILL, SHORT, "3 overtakes [1]"),
        ("no_blocks_while_short", STANDING_STILL, SHORT, "3 overtakes [1]"),
        ("allotments_of_all_lanes_are_emptied", STANDING_STILL, SHORT, "[2] starve"),
        ("locked_allotments_are_passed_over", ALLOTTED, PLENTY, "deadlock"),
        ("an_allotment_is_reserved_only_while_it_holds_the_money", ALLOTTED, PLENTY, "overdrawn"),
        ("the_queue_changes_under_the_lock", ALLOTTED, PLENTY, "the flag does not agree with the queue"),
        ("money_released_has_a_ledger_of_its_own", ALLOTTED, PLENTY, "deadlock"),
        ("the_first_uncovered_payment_is_checked_too", ALLOTTED, once(NO_MORE, "obstacles"), "[3] starve"),
    ],
)
def test_each_shortage_rule_is_needed(rule: str, setup: Setup, start: State, seen: str) -> None:
    without = replace(setup, rules=replace(Rules(), **{rule: False}))
    assert outcome(without, start).breach == seen
