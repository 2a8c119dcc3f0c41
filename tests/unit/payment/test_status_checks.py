"""Status checks: grouped by the time to ask, with a bounded number of trainings in a row."""

from datetime import UTC, datetime, timedelta
from functools import partial

from services.payment.payout.status_checks import GROUPING_WINDOW, MAX_CODES_PER_CHECK, status_checks_for
from tests.unit.payment.values import a_disbursement

NOON = datetime(2023, 3, 1, 12, tzinfo=UTC)
NEXT_DAY = NOON + timedelta(days=1)
at_a_partner = partial(a_disbursement, partner="gopay")


def test_later_status_checks_are_not_merged_with_earlier_ones() -> None:
    soon = at_a_partner(redeem_code="SOON", next_check_at=NOON)
    late = at_a_partner(redeem_code="LATE", next_check_at=NOON + timedelta(hours=1))
    found = {check.redeem_codes[0]: check.look_at for check in status_checks_for([soon, late], NEXT_DAY)}
    assert found == {"SOON": NOON, "LATE": NOON + timedelta(hours=1)}


def test_status_check_is_shortly_before_the_time_to_ask_and_never_later() -> None:
    ask_at = NOON + timedelta(seconds=7.5)
    (check,) = status_checks_for([at_a_partner(next_check_at=ask_at)], NEXT_DAY)
    assert ask_at - GROUPING_WINDOW < check.look_at <= ask_at


def test_status_check_is_never_later_than_its_limit() -> None:
    (check,) = status_checks_for([at_a_partner(next_check_at=NEXT_DAY)], NOON)
    assert check.look_at == NOON


def test_status_check_holds_a_bounded_number_and_omits_no_training() -> None:
    count = 2 * MAX_CODES_PER_CHECK + 1
    all_of_them = [at_a_partner(redeem_code=f"R{number:04d}", next_check_at=NOON) for number in range(count)]
    rows = [check.redeem_codes for check in status_checks_for(all_of_them, NEXT_DAY)]
    assert max(map(len, rows)) == MAX_CODES_PER_CHECK
    assert sorted(code for row in rows for code in row) == [one.redeem_code for one in all_of_them]


def test_status_checks_are_apart_for_each_partner() -> None:
    instructed = [at_a_partner(partner=partner, next_check_at=NOON) for partner in ("gopay", "bni")]
    assert {check.partner for check in status_checks_for(instructed, NEXT_DAY)} == {"gopay", "bni"}
