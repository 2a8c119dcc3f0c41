"""Status checks: the times at which disbursements at partners are looked at again."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from services.payment.domain.disbursement import Disbursement
from services.payment.store.status_checks import StatusCheck, insert_status_checks
from shared.errors import InvariantBroken
from shared.messaging.transaction.transaction import Transaction

# Most disbursements are final by then.
FIRST_CHECK_AFTER = timedelta(seconds=10)
# Checks due at about the same time share a row, up to a number: a sweep takes whole rows.
GROUPING_WINDOW = timedelta(seconds=10)
MAX_CODES_PER_CHECK = 100
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


async def schedule_status_checks(tx: Transaction, under_way: Iterable[Disbursement], *, by: datetime) -> None:
    """Schedule a status check for each disbursement at the time to ask its partner, or a little earlier.

    No check is later than `by`.
    """
    if checks := status_checks_for(under_way, by):
        await insert_status_checks(tx.connection, checks)


def status_checks_for(under_way: Iterable[Disbursement], by: datetime) -> list[StatusCheck]:
    """Return rows of up to MAX_CODES_PER_CHECK trainings of one lane and partner, due within GROUPING_WINDOW.

    Raise InvariantBroken for a disbursement that is at no partner.
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
