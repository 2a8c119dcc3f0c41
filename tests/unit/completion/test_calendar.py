"""Calendar days in Jakarta, after the last session of a training."""

from datetime import UTC, datetime

import pytest

from services.completion.domain.calendar import end_of_day


@pytest.mark.parametrize(
    ("moment", "days_later", "midnight"),
    [
        (datetime(2023, 3, 2, 5, tzinfo=UTC), 0, datetime(2023, 3, 2, 17, tzinfo=UTC)),
        (datetime(2023, 3, 2, 5, tzinfo=UTC), 30, datetime(2023, 4, 1, 17, tzinfo=UTC)),
        (datetime(2023, 3, 2, 16, 59, 59, tzinfo=UTC), 0, datetime(2023, 3, 2, 17, tzinfo=UTC)),
        (datetime(2023, 3, 2, 17, tzinfo=UTC), 0, datetime(2023, 3, 3, 17, tzinfo=UTC)),
    ],
)
def test_day_ends_at_midnight_in_jakarta(moment: datetime, days_later: int, midnight: datetime) -> None:
    assert end_of_day(moment, days_later) == midnight
