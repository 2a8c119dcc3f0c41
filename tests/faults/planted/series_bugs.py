"""Planted bugs that lose incentives of a series, or pay them before their month."""

from datetime import datetime, timedelta

import pytest

from services.payment.domain import series
from services.payment.handlers import milestones
from tests.faults.planted import series_scenarios
from tests.faults.planted.bugs import Bug


def it_schedules_no_series(product: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> None:
        pass

    product.setattr(milestones, "schedule_monthly_dues", nothing)


def it_counts_a_month_as_thirty_days(product: pytest.MonkeyPatch) -> None:
    def days_later(moment: datetime, months: int) -> datetime:
        return moment + timedelta(days=30 * months)

    product.setattr(series, "months_later", days_later)


BUGS = (
    Bug(
        it_schedules_no_series, series_scenarios.a_month_of_31_days_passes, "has not fallen due, and is not to fall due"
    ),
    Bug(it_counts_a_month_as_thirty_days, series_scenarios.a_month_of_31_days_passes, "fell due before its month"),
)
