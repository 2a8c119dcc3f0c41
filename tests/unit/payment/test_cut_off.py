"""Cut-off of a wave: when its lanes act upon it."""

from datetime import datetime, timedelta

import pytest

from services.payment.domain.cut_off import cut_off_of
from tests.unit.payment.values import NOW

DAY = timedelta(hours=24)


@pytest.mark.parametrize(
    ("heard_at", "acts_at"),
    [
        (NOW - timedelta(days=300), NOW),
        (NOW - DAY, NOW),
        (NOW - DAY + timedelta(seconds=1), NOW + timedelta(seconds=1)),
        (NOW + timedelta(days=300), NOW + timedelta(days=301)),
    ],
)
def test_cut_off_acts_on_time_but_not_before_all_on_its_way_can_come(heard_at: datetime, acts_at: datetime) -> None:
    cut_off = cut_off_of("48", NOW, heard_at, DAY)
    assert (cut_off.wave, cut_off.cut_off_at, cut_off.acts_at) == ("48", NOW, acts_at)
