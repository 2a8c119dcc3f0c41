"""Saving of disbursements, with the state counts and the shortage flags that follow."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from services.payment.domain.attempt import Attempt
from services.payment.domain.disbursement import Disbursement, HoldReason, State
from services.payment.domain.funds import fund_of
from services.payment.store.disbursements import (
    AnnouncedAnswer,
    NumbersByKey,
    StateCountKey,
    freeze_disbursements,
    insert_disbursements,
    insert_holds,
    save_answers,
    save_confirmed,
    update_disbursements,
    update_state_counts,
)
from services.payment.store.funds import lock_funds, open_funds, update_shortage_flags
from shared.messaging.transaction.transaction import Transaction

Change = tuple[Disbursement, Disbursement]
"""Disbursement before and after a change. One that was due is new."""


async def save_changes(tx: Transaction, changes: Sequence[Change], numbers: NumbersByKey) -> None:
    """Store disbursements as they stand now, holds that were announced, and the state counts. None is listed twice."""
    if new := [after for before, after in changes if before.state is State.DUE]:
        await insert_disbursements(tx.connection, new, numbers, tx.now)
    if known := [after for before, after in changes if before.state is not State.DUE]:
        await update_disbursements(tx.connection, known, numbers, tx.now)
    if held := [after for _, after in changes if after.state is State.HELD and after.key in numbers]:
        await insert_holds(tx.connection, held, numbers, tx.now)
    await _update_counts(tx, changes)


async def save_answered(
    tx: Transaction, answered: Sequence[tuple[Change, Attempt]], announced: Sequence[AnnouncedAnswer]
) -> None:
    """Store disbursements that partners accepted or settled, each with the attempt that was reported on.

    `announced`: the events that say so, also of what was rejected or returned in the same batch.
    """
    if answered or announced:
        await save_answers(tx.connection, [(after, attempt) for (_, after), attempt in answered], announced, tx.now)
        await _update_counts(tx, [change for change, _ in answered])


async def save_frozen(tx: Transaction, changes: Sequence[Change], numbers: NumbersByKey) -> None:
    """Store that these disbursements are frozen, and the holds of them that were announced."""
    await freeze_disbursements(tx.connection, [after for _, after in changes], tx.now)
    if held := [after for _, after in changes if after.key in numbers]:
        await insert_holds(tx.connection, held, numbers, tx.now)
    await _update_counts(tx, changes)


async def save_confirmation(
    tx: Transaction,
    change: Change,
    announced: Sequence[AnnouncedAnswer],
    settled_at: datetime,
    partner_reference: str | None,
) -> None:
    """Store that a held disbursement was paid after all, as `announced`."""
    await save_confirmed(tx.connection, change[1], settled_at, partner_reference, tx.now)
    await save_answers(tx.connection, [], announced, tx.now)
    await _update_counts(tx, [change])


async def _update_counts(tx: Transaction, changes: Sequence[Change]) -> None:
    count: Counter[StateCountKey] = Counter()
    rupiah: Counter[StateCountKey] = Counter()
    for disbursement, sign in _count_deltas(changes):
        place = _count_key(disbursement)
        count[place] += sign
        rupiah[place] += sign * disbursement.amount
    moved = {place: (number, rupiah[place]) for place, number in count.items() if number or rupiah[place]}
    if moved:
        await update_state_counts(tx.connection, moved)
    if any(place.reason is HoldReason.NO_FUNDS for place in count):
        await _update_shortages(tx, changes)


async def _update_shortages(tx: Transaction, changes: Sequence[Change]) -> None:
    """Update the flags of funds whose queues were joined or left, under the locks of the funds."""
    no_funds = HoldReason.NO_FUNDS
    funds = {
        fund_of(after) for before, after in changes if (before.reason is no_funds) is not (after.reason is no_funds)
    }
    if funds:
        await open_funds(tx.connection, funds)
        await lock_funds(tx.connection, funds)
        await update_shortage_flags(tx.connection, funds)


def _count_deltas(changes: Sequence[Change]) -> list[tuple[Disbursement, int]]:
    left = [(before, -1) for before, _ in changes if before.state is not State.DUE]
    return [*left, *((after, 1) for _, after in changes)]


def _count_key(d: Disbursement) -> StateCountKey:
    return StateCountKey(d.lane, d.state, d.partner or "", d.benefit, d.reason or "")
