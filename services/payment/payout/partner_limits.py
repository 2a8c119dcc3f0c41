"""Limits of partners: what goes to a limited one waits for room, and is instructed by age over all lanes."""

from collections.abc import Sequence

from services.payment.context import Context
from services.payment.domain.partner_limits import NO_LIMIT, count_fitting, room, use_more
from services.payment.payout.pay import pay
from services.payment.store.partner_limits import (
    count_in_flight,
    load_paused,
    lock_partner_use,
    sum_instructed,
    update_partner_use,
)
from shared.messaging.transaction.transaction import Transaction

PORTION = 500


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
    waiting = await load_paused(tx.connection, partner, tx.watermark, largest, min(PORTION, left.disbursements))
    own = [d for d in waiting[: count_fitting((d.amount for d in waiting), left)] if d.lane in lanes]
    done = await pay(context, tx, own, traces={}, reports_watermark=tx.watermark, with_room_at=partner)
    instructed = await sum_instructed(tx.connection, partner, [d.key for d in own]) if own else (0, 0)
    if instructed[0]:
        await update_partner_use(tx.connection, partner, use_more(limits, use, *instructed, tx.now))
    return done
