"""Schedule of the storm: determined by its seed alone."""

from collections import Counter

from tests.storm.schedule import FaultKind, schedule

TEN_MINUTES = 600.0


def test_schedule_depends_on_its_seed_alone() -> None:
    assert schedule(7, TEN_MINUTES) == schedule(7, TEN_MINUTES)
    assert schedule(7, TEN_MINUTES) != schedule(8, TEN_MINUTES)


def test_shorter_storm_is_the_beginning_of_a_longer_one() -> None:
    short = schedule(7, 60.0)
    assert short == schedule(7, TEN_MINUTES)[: len(short)]


def test_ten_minutes_contain_every_kind_of_fault() -> None:
    kinds = Counter(fault.kind for fault in schedule(7, TEN_MINUTES))
    assert set(kinds) == set(FaultKind)
    assert kinds.total() >= 300


def test_only_joined_replicas_leave() -> None:
    there: set[str] = set()
    for fault in schedule(3, TEN_MINUTES):
        if fault.kind is FaultKind.JOIN:
            assert fault.target not in there
            there.add(fault.target)
        if fault.kind is FaultKind.LEAVE:
            there.remove(fault.target)
