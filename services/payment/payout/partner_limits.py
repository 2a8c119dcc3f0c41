"""Limits of partners: what goes to a limited one waits for room, and is instructed by age over all lanes."""

from collections.abc import Sequence

from services.payment.context import Context
from services.payment.domain.attempt import Attempt
from services.payment.domain.partner_limits import NO_LIMIT, count_fitting, room, use_before_restore, use_more
from services.payment.payout.pay import pay
from services.payment.store.disbursements import load_disbursements
from services.payment.store.partner_limits import (
    count_in_flight,
    load_paused,
    lock_partner_use,
    sum_instructed,
    update_partner_use,
)
from shared.messaging.transaction.transaction import Transaction

PORTION = 500
LOOK_AHEAD = 10_000
"""Most of the queue that is read for a portion: what is ahead may be in lanes of other processes."""


async def pay_within_limits(context: Context, tx: Transaction, lanes: Sequence[int], *, partner: str) -> int:
    """Pay what waits for room at a partner in these lanes, if there is room for all older ones too; return how many.

    The partner's row is locked to the end of the transaction: of all processes one at a time takes room of it.
    """
    limits = context.partner_limits[partner]
    largest = limits.rupiah_per_day or NO_LIMIT
    if not await load_paused(tx.connection, partner, tx.watermark, largest, 1):
        return 0
    use = await lock_partner_use(tx.connection, partner, tx.now)
    in_flight = 0 if limits.in_flight is None else await count_in_flight(tx.connection, partner)
    left = room(limits, use, in_flight, tx.now)
    if not left.disbursements:
        return 0
    waiting = await load_paused(tx.connection, partner, tx.watermark, largest, min(LOOK_AHEAD, left.disbursements))
    fitting = waiting[: count_fitting((d.amount for d in waiting), left)]
    own = [d.key for d in fitting if d.lane in lanes][:PORTION]
    if not own:
        return 0
    disbursements = await load_disbursements(tx.connection, own)
    done = await pay(context, tx, disbursements, traces={}, reports_watermark=tx.watermark, with_room_at=partner)
    instructed = await sum_instructed(tx.connection, partner, own)
    if instructed[0]:
        await update_partner_use(tx.connection, partner, use_more(limits, use, *instructed, tx.now))
    return done


async def use_adopted(context: Context, tx: Transaction, partner: str, adopted: Sequence[Attempt]) -> None:
    """Take the room of what was instructed before a restore; the use that is stored is as old as the backup.

    Its rate counts from now on, since it is repeated as soon as its disbursements are read again.
    """
    if (limits := context.partner_limits.get(partner)) is None or not adopted:
        return
    use = await lock_partner_use(tx.connection, partner, tx.now)
    used = use_before_restore(limits, use, ((a.instructed_at, a.amount) for a in adopted), tx.now)
    await update_partner_use(tx.connection, partner, used)
