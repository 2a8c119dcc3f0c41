"""The search itself."""

from collections.abc import Iterator

from tests.model.search import search

Two = tuple[int, int]


def two_counters(state: Two) -> Iterator[tuple[str, Two]]:
    first, second = state
    if first < 2:
        yield "first", (first + 1, second)
    if second < 2:
        yield "second", (first, second + 1)


def test_every_interleaving_is_visited() -> None:
    outcome = search((0, 0), two_counters, lambda _state, _ended: None)
    assert (outcome.states, outcome.breach) == (9, None)


def test_shortest_way_to_a_breach_is_returned() -> None:
    outcome = search((0, 0), two_counters, lambda state, _ended: "both" if min(state) else None)
    assert (outcome.breach, len(outcome.steps), outcome.end) == ("both", 2, (1, 1))


def test_final_states_are_recognized() -> None:
    outcome = search((0, 0), two_counters, lambda state, ended: "early" if ended and state != (2, 2) else None)
    assert outcome.breach is None
