"""Blocks: the latest time counts, and on a tie the block."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import permutations

import pytest

from services.payment.domain.block import Block, block, unblock
from tests.unit.payment.values import NOW

Change = Callable[[Block, datetime], Block]
NOBODY = Block("4810000000000017", 3)


def at(hours: int) -> datetime:
    return NOW + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("blocks", "unblocks", "is_blocked"),
    [
        ((), (1,), False),
        ((1,), (), True),
        ((1,), (2,), False),
        ((2,), (1,), True),
        ((1,), (1,), True),
        ((1, 3), (2,), True),
        ((1, 2), (3,), False),
    ],
)
def test_the_latest_time_counts_in_any_order(
    blocks: tuple[int, ...], unblocks: tuple[int, ...], is_blocked: bool
) -> None:
    changes: list[tuple[Change, int]] = [
        *((block, hours) for hours in blocks),
        *((unblock, hours) for hours in unblocks),
    ]
    for order in permutations(changes):
        known = NOBODY
        for change, hours in order:
            known = change(known, at(hours))
        assert known.is_blocked is is_blocked


@pytest.mark.parametrize("change", [block, unblock])
def test_an_earlier_or_repeated_time_changes_nothing(change: Change) -> None:
    known = change(NOBODY, at(1))
    assert change(known, at(1)) is known
    assert change(known, at(0)) is known
