"""Saves what has become of disbursements."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from services.payment.domain.attempt import Attempt
from services.payment.domain.disbursement import Disbursement, HoldReason, State
from services.payment.domain.funds import pot_of
from services.payment.store.disbursements import (
    Place,
    freeze_disbursements,
    insert_disbursements,
    move_tally,
    save_answers,
    save_confirmed,
    update_disbursements,
)
from services.payment.store.funds import lock_funds, note_shortages, open_funds
from shared.messaging.transaction import Transaction

Change = tuple[Disbursement, Disbursement]
"""A disbursement as it was, and as it is now. One that was due is new."""


async def save_changes(tx: Transaction, changes: Sequence[Change]) -> None:
    """Writes disbursements down where they stand now, and counts them there. None may be listed twice."""
    if new := [after for before, after in changes if before.state is State.DUE]:
        await insert_disbursements(tx.connection, new, tx.now)
    if known := [after for before, after in changes if before.state is not State.DUE]:
        await update_disbursements(tx.connection, known, tx.now)
    await _count(tx, changes)


async def save_answered(tx: Transaction, answered: Sequence[tuple[Change, Attempt]]) -> None:
    """The same for what partners have accepted or settled, each with the attempt that they speak of."""
    if answered:
        await save_answers(tx.connection, [(after, attempt) for (_, after), attempt in answered], tx.now)
        await _count(tx, [change for change, _ in answered])


async def save_frozen(tx: Transaction, changes: Sequence[Change]) -> None:
    """Writes down that a person must look at these, which were known before."""
    await freeze_disbursements(tx.connection, [after for _, after in changes], tx.now)
    await _count(tx, changes)


async def save_confirmation(
    tx: Transaction, change: Change, settled_at: datetime, partner_reference: str | None
) -> None:
    """Writes down that a held right was paid after all."""
    await save_confirmed(tx.connection, change[1], settled_at, partner_reference, tx.now)
    await _count(tx, [change])


async def _count(tx: Transaction, changes: Sequence[Change]) -> None:
    count: Counter[Place] = Counter()
    rupiah: Counter[Place] = Counter()
    for disbursement, sign in _leaving_and_coming(changes):
        place = _place(disbursement)
        count[place] += sign
        rupiah[place] += sign * disbursement.amount
    moved = {place: (number, rupiah[place]) for place, number in count.items() if number or rupiah[place]}
    if moved:
        await move_tally(tx.connection, moved)
    if any(place.reason is HoldReason.NO_FUNDS for place in count):
        await _note_queues(tx, changes)


async def _note_queues(tx: Transaction, changes: Sequence[Change]) -> None:
    """Whoever comes to wait for money, or no longer does, moves the flag of the fund, under its lock."""
    waits = HoldReason.NO_FUNDS
    pots = {pot_of(after) for before, after in changes if (before.reason is waits) is not (after.reason is waits)}
    if pots:
        await open_funds(tx.connection, pots)
        await lock_funds(tx.connection, pots)
        await note_shortages(tx.connection, pots)


def _leaving_and_coming(changes: Sequence[Change]) -> list[tuple[Disbursement, int]]:
    left = [(before, -1) for before, _ in changes if before.state is not State.DUE]
    return [*left, *((after, 1) for _, after in changes)]


def _place(d: Disbursement) -> Place:
    return Place(d.lane, d.state, d.partner or "", d.benefit, d.reason or "")
