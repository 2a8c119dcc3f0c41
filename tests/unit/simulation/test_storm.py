"""The storm's schedule is made from its seed alone."""

from collections import Counter

from tests.storm.schedule import FaultKind, schedule

TEN_MINUTES = 600.0


def test_the_same_seed_makes_the_same_schedule_and_another_seed_another() -> None:
    assert schedule(7, TEN_MINUTES) == schedule(7, TEN_MINUTES)
    assert schedule(7, TEN_MINUTES) != schedule(8, TEN_MINUTES)


def test_a_shorter_storm_is_the_beginning_of_a_longer_one() -> None:
    short = schedule(7, 60.0)
    assert short == schedule(7, TEN_MINUTES)[: len(short)]


def test_ten_minutes_hold_every_kind_and_a_fault_every_few_seconds() -> None:
    kinds = Counter(strike.kind for strike in schedule(7, TEN_MINUTES))
    assert set(kinds) == set(FaultKind)
    assert kinds.total() >= 300


def test_only_replicas_that_have_joined_leave() -> None:
    there: set[str] = set()
    for strike in schedule(3, TEN_MINUTES):
        if strike.kind is FaultKind.JOIN:
            assert strike.target not in there
            there.add(strike.target)
        if strike.kind is FaultKind.LEAVE:
            there.remove(strike.target)
