"""Properties of calendar months and series, without a database."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.payment.domain.calendar import JAKARTA, months_later
from services.payment.domain.entitlement import RATED, Entitlement, Payee, complete, rate
from services.payment.domain.series import monthly_dues
from tests.unit.payment.values import INCENTIVE, an_enrollment

moments = st.integers(0, 35_000 * 86_400).map(lambda seconds: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(0, seconds))
months = st.integers(0, 36)


@given(moments, months)
def test_a_month_later_keeps_the_time_and_the_day_where_the_month_has_it(moment: datetime, count: int) -> None:
    before, after = moment.astimezone(JAKARTA), months_later(moment, count).astimezone(JAKARTA)
    assert after.timetz() == before.timetz()
    assert (after.year - before.year) * 12 + after.month - before.month == count
    last_of_month = (after.date() + timedelta(days=1)).day == 1
    assert after.day == before.day or (after.day < before.day and last_of_month)


@given(moments, moments, months)
def test_months_later_keeps_the_order_of_moments(one: datetime, another: datetime, count: int) -> None:
    first, second = sorted([one, another])
    assert months_later(first, count) <= months_later(second, count)


@given(moments, moments, st.lists(st.integers(1, 12), unique=True, max_size=4))
def test_series_depends_on_the_times_of_events_alone(completed: datetime, rated: datetime, after: list[int]) -> None:
    """In whatever order they come, and whenever they are noted."""
    series = [Entitlement(f"incentive_{n + 1}", 1, Payee.PARTICIPANT, RATED, True, months_after=n) for n in after]
    enrolled = an_enrollment(entitlements=(INCENTIVE, *series))
    one = rate(complete(enrolled, completed, noted_at=completed), rated)
    other = complete(rate(enrolled, rated), completed, noted_at=rated)
    dues = monthly_dues((one, INCENTIVE))
    assert dues == monthly_dues((other, INCENTIVE))
    assert [due.due_at for due in dues] == [months_later(max(completed, rated), n) for n in after]
