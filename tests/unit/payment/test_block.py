"""Blocks: the latest time counts, and on a tie the block."""

from datetime import timedelta
from itertools import permutations

import pytest

from services.payment.domain.block import Block, blocked_since
from tests.unit.payment.values import NOW


@pytest.mark.parametrize(
    ("blocks", "unblocks", "since"),
    [
        ((), (), None),
        ((), (1,), None),
        ((1,), (), 1),
        ((1,), (2,), None),
        ((2,), (1,), 2),
        ((1,), (1,), 1),
        ((1, 3), (2,), 3),
        ((1, 2), (3,), None),
        ((1, 4), (), 1),
        ((1, 3, 4), (2,), 3),
        ((1, 3, 4), (0, 3), 3),
    ],
)
def test_block_lasts_from_the_first_after_the_latest_unblock(
    blocks: tuple[int, ...], unblocks: tuple[int, ...], since: int | None
) -> None:
    known = [Block(NOW + timedelta(hours=hours), True) for hours in blocks]
    known += [Block(NOW + timedelta(hours=hours), False) for hours in unblocks]
    expected = None if since is None else NOW + timedelta(hours=since)
    assert {blocked_since(order) for order in permutations(known)} == {expected}
