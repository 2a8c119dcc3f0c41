"""Whom a partner owes a word is remembered by the time at which it is to be asked, never all in one row."""

from datetime import UTC, datetime, timedelta
from functools import partial

from services.payment.handlers.reminding import CODES_A_REMINDER, TOGETHER, reminders_of
from tests.unit.payment.values import a_disbursement

NOON = datetime(2023, 3, 1, 12, tzinfo=UTC)
NEXT_DAY = NOON + timedelta(days=1)
at_a_partner = partial(a_disbursement, partner="gopay")


def test_those_due_later_do_not_come_forward_with_those_due_now() -> None:
    soon = at_a_partner(redeem_code="SOON", look_again_at=NOON)
    late = at_a_partner(redeem_code="LATE", look_again_at=NOON + timedelta(hours=1))
    found = {reminder.redeem_codes[0]: reminder.look_at for reminder in reminders_of([soon, late], NEXT_DAY)}
    assert found == {"SOON": NOON, "LATE": NOON + timedelta(hours=1)}


def test_nobody_is_looked_at_after_the_time_to_ask_nor_much_before() -> None:
    ask_at = NOON + timedelta(seconds=7.5)
    (reminder,) = reminders_of([at_a_partner(look_again_at=ask_at)], NEXT_DAY)
    assert ask_at - TOGETHER < reminder.look_at <= ask_at


def test_what_is_to_be_asked_later_than_the_next_look_is_looked_at_then() -> None:
    (reminder,) = reminders_of([at_a_partner(look_again_at=NEXT_DAY)], NOON)
    assert reminder.look_at == NOON


def test_a_row_holds_a_bounded_number_and_no_training_is_left_out() -> None:
    count = 2 * CODES_A_REMINDER + 1
    all_of_them = [at_a_partner(redeem_code=f"R{number:04d}", look_again_at=NOON) for number in range(count)]
    rows = [reminder.redeem_codes for reminder in reminders_of(all_of_them, NEXT_DAY)]
    assert max(map(len, rows)) == CODES_A_REMINDER
    assert sorted(code for row in rows for code in row) == [one.redeem_code for one in all_of_them]


def test_each_partner_is_reminded_of_by_itself() -> None:
    told = [at_a_partner(partner=partner, look_again_at=NOON) for partner in ("gopay", "bni")]
    assert {reminder.partner for reminder in reminders_of(told, NEXT_DAY)} == {"gopay", "bni"}
