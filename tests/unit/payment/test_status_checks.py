"""Whom a partner owes a word is remembered by the time at which it is to be asked, never all in one row."""

from datetime import UTC, datetime, timedelta
from functools import partial

from services.payment.payout.status_checks import GROUPING_WINDOW, MAX_CODES_PER_CHECK, status_checks_for
from tests.unit.payment.values import a_disbursement

NOON = datetime(2023, 3, 1, 12, tzinfo=UTC)
NEXT_DAY = NOON + timedelta(days=1)
at_a_partner = partial(a_disbursement, partner="gopay")


def test_those_due_later_do_not_come_forward_with_those_due_now() -> None:
    soon = at_a_partner(redeem_code="SOON", next_check_at=NOON)
    late = at_a_partner(redeem_code="LATE", next_check_at=NOON + timedelta(hours=1))
    found = {check.redeem_codes[0]: check.look_at for check in status_checks_for([soon, late], NEXT_DAY)}
    assert found == {"SOON": NOON, "LATE": NOON + timedelta(hours=1)}


def test_nobody_is_looked_at_after_the_time_to_ask_nor_much_before() -> None:
    ask_at = NOON + timedelta(seconds=7.5)
    (check,) = status_checks_for([at_a_partner(next_check_at=ask_at)], NEXT_DAY)
    assert ask_at - GROUPING_WINDOW < check.look_at <= ask_at


def test_what_is_to_be_asked_later_than_the_next_look_is_looked_at_then() -> None:
    (check,) = status_checks_for([at_a_partner(next_check_at=NEXT_DAY)], NOON)
    assert check.look_at == NOON


def test_a_row_holds_a_bounded_number_and_no_training_is_left_out() -> None:
    count = 2 * MAX_CODES_PER_CHECK + 1
    all_of_them = [at_a_partner(redeem_code=f"R{number:04d}", next_check_at=NOON) for number in range(count)]
    rows = [check.redeem_codes for check in status_checks_for(all_of_them, NEXT_DAY)]
    assert max(map(len, rows)) == MAX_CODES_PER_CHECK
    assert sorted(code for row in rows for code in row) == [one.redeem_code for one in all_of_them]


def test_each_partner_is_reminded_of_by_itself() -> None:
    told = [at_a_partner(partner=partner, next_check_at=NOON) for partner in ("gopay", "bni")]
    assert {check.partner for check in status_checks_for(told, NEXT_DAY)} == {"gopay", "bni"}
