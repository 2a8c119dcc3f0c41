"""Sees to it that whom a partner owes a word is looked at again."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from services.payment.domain.disbursement import Disbursement
from services.payment.store.reminders import Reminder, insert_reminders
from shared.messaging.transaction import Transaction

# Most have their final word by then, and need no longer be remembered.
FIRST_LOOK_AFTER = timedelta(seconds=10)


async def remind(tx: Transaction, under_way: Iterable[Disbursement], *, by: datetime) -> None:
    """They are looked at when the first of a lane is to be asked about, and not later than `by`."""
    codes: dict[int, set[str]] = defaultdict(set)
    look_at: dict[int, datetime] = defaultdict(lambda: by)
    for disbursement in under_way:
        lane, ask_at = disbursement.lane, disbursement.look_again_at
        codes[lane].add(disbursement.redeem_code)
        if ask_at is not None and ask_at < look_at[lane]:
            look_at[lane] = ask_at
    if codes:
        reminders = [Reminder(look_at[lane], lane, list(of_lane)) for lane, of_lane in codes.items()]
        await insert_reminders(tx.connection, reminders)
