"""Sees to it that whom a partner owes a word is looked at again."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from services.payment.domain.disbursement import Disbursement
from services.payment.store.reminders import Reminder, insert_reminders
from shared.messaging.transaction import Transaction

# Most have their final word by then, and need no longer be remembered.
FIRST_LOOK_AFTER = timedelta(seconds=10)
# Who is to be asked at about the same time is remembered together, not too many in a row: a sweep takes whole rows.
TOGETHER = timedelta(seconds=10)
CODES_A_REMINDER = 100
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


async def remind(tx: Transaction, under_way: Iterable[Disbursement], *, by: datetime) -> None:
    """They are looked at when they are to be asked about, or a little earlier, and not later than `by`."""
    if reminders := reminders_of(under_way, by):
        await insert_reminders(tx.connection, reminders)


def reminders_of(under_way: Iterable[Disbursement], by: datetime) -> list[Reminder]:
    """Rows of at most `CODES_A_REMINDER` trainings, those of a lane and partner that are due within `TOGETHER` in one.

    Raises ValueError for a disbursement that is at no partner.
    """
    codes: dict[tuple[datetime, int, str], set[str]] = defaultdict(set)
    for disbursement in under_way:
        ask_at = disbursement.look_again_at
        look_at = by if ask_at is None or ask_at >= by else ask_at - (ask_at - _BEGINNING) % TOGETHER
        if disbursement.partner is None:
            raise ValueError(f"{disbursement.right} is at no partner")
        codes[look_at, disbursement.lane, disbursement.partner].add(disbursement.redeem_code)
    return [
        Reminder(look_at, lane, partner, portion)
        for (look_at, lane, partner), together in codes.items()
        for portion in _portions(sorted(together))
    ]


def _portions(codes: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(codes), CODES_A_REMINDER):
        yield codes[first : first + CODES_A_REMINDER]
