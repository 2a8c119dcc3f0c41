"""Sees to it that whom a partner owes a word is looked at again."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from services.payment.domain.disbursement import Disbursement
from services.payment.store.status_checks import StatusCheck, insert_status_checks
from shared.errors import InvariantBroken
from shared.messaging.transaction.transaction import Transaction

# Most have their final word by then, and need no longer be remembered.
FIRST_CHECK_AFTER = timedelta(seconds=10)
# Who is to be asked at about the same time is remembered together, not too many in a row: a sweep takes whole rows.
GROUPING_WINDOW = timedelta(seconds=10)
MAX_CODES_PER_CHECK = 100
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


async def schedule_status_checks(tx: Transaction, under_way: Iterable[Disbursement], *, by: datetime) -> None:
    """They are looked at when they are to be asked about, or a little earlier, and not later than `by`."""
    if checks := status_checks_for(under_way, by):
        await insert_status_checks(tx.connection, checks)


def status_checks_for(under_way: Iterable[Disbursement], by: datetime) -> list[StatusCheck]:
    """Rows of at most `CODES_A_REMINDER` trainings, those of a lane and partner that are due within `TOGETHER` in one.

    Raises ValueError for a disbursement that is at no partner.
    """
    codes: dict[tuple[datetime, int, str], set[str]] = defaultdict(set)
    for disbursement in under_way:
        ask_at = disbursement.next_check_at
        look_at = by if ask_at is None or ask_at >= by else ask_at - (ask_at - _BEGINNING) % GROUPING_WINDOW
        if disbursement.partner is None:
            raise InvariantBroken(" ".join(disbursement.key), "a status check is due, and no partner is known")
        codes[look_at, disbursement.lane, disbursement.partner].add(disbursement.redeem_code)
    return [
        StatusCheck(look_at, lane, partner, portion)
        for (look_at, lane, partner), together in codes.items()
        for portion in _portions(sorted(together))
    ]


def _portions(codes: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(codes), MAX_CODES_PER_CHECK):
        yield codes[first : first + MAX_CODES_PER_CHECK]
