"""Forfeits: the rest of a balance returns to the treasury when a deadline for buying, or the cut-off, has passed.

When that is computed is scheduled by what starts a deadline, and never earlier than `wait_at_most` after it was read:
purchases may be as late. What is scheduled too early is only computed once more.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.enrollment.context import Context
from services.enrollment.domain.purchase_deadline import forfeits_due, moments_after, next_deadline, next_moment
from services.enrollment.handlers.adoption import AnnouncedPurchases, load_announced_purchases
from services.enrollment.store.admissions import Admission, load_admissions
from services.enrollment.store.enrollments import Enrollment, load_enrollments
from services.enrollment.store.forfeits import (
    PurchaseDeadline,
    StoredForfeit,
    insert_forfeits,
    insert_purchase_deadlines,
    load_forfeits,
)
from shared.contracts.enrollment import BALANCE_FORFEITED, BalanceForfeited
from shared.contracts.fields import rupiah
from shared.messaging.transaction.transaction import Transaction

AFTER_A_DECISION = timedelta(minutes=1)


async def schedule_after_admissions(context: Context, tx: Transaction, admitted: Iterable[Admission]) -> None:
    """Schedule the deadlines for the first purchase, and the cut-off."""
    deadlines = [_deadline(context, tx, admission, admission.admitted_at) for admission in admitted]
    await insert_purchase_deadlines(tx.connection, deadlines)


async def schedule_after_voids(
    context: Context, tx: Transaction, voided: Iterable[Enrollment], admissions: Mapping[str, Sequence[Admission]]
) -> None:
    """Schedule the deadlines that run anew from voids."""
    deadlines = [
        _deadline(context, tx, admission, one.voided_at)
        for one in voided
        for admission in admissions[one.participant_id]
        if admission.admitted and one.voided_at is not None
    ]
    await insert_purchase_deadlines(tx.connection, deadlines)


async def schedule_after_completions(
    context: Context, tx: Transaction, completed: Iterable[tuple[str, int, str, datetime]]
) -> None:
    """Schedule the deadlines for the next purchase.

    `completed`: (participant, lane, scheme, time of the completion or of its reopening).
    """
    deadlines = [
        PurchaseDeadline(max(midnight, tx.now + context.wait_at_most), lane, person)
        for person, lane, scheme, start in completed
        if (midnight := next_deadline(start, context.schemes[scheme])) is not None
    ]
    await insert_purchase_deadlines(tx.connection, deadlines)


async def forfeit_balances(context: Context, tx: Transaction, people: Collection[str]) -> None:
    """Forfeit what deadlines that have passed take of these participants' balances, and schedule the next ones."""
    enrollments = await load_enrollments(tx.connection, people)
    announced = await load_announced_purchases(tx, people)
    admissions = await load_admissions(tx.connection, people)
    admitted = [one for of_one in admissions.values() for one in of_one if one.admitted]
    known = await load_forfeits(tx.connection, [one.participant_id for one in admitted if one.has_forfeited])
    decided: list[StoredForfeit] = []
    deadlines: list[PurchaseDeadline] = []
    for admission in admitted:
        person = admission.participant_id
        forfeits, next_at = _decide(
            context, tx, admission, enrollments.get(person, ()), announced.get(person), known.get(person, ())
        )
        decided += forfeits
        if next_at is not None:
            deadlines.append(PurchaseDeadline(next_at, admission.lane, person))
    await insert_purchase_deadlines(tx.connection, deadlines)
    carried = [forfeit._replace(carried_by=_emit(tx, forfeit)) for forfeit in decided]
    await insert_forfeits(tx.connection, carried, tx.now)


def _deadline(context: Context, tx: Transaction, admission: Admission, start: datetime) -> PurchaseDeadline:
    moments = moments_after(start, admission.cut_off_at, context.schemes[admission.scheme])
    return PurchaseDeadline(max(min(moments), tx.now + context.wait_at_most), admission.lane, admission.participant_id)


def _decide(
    context: Context,
    tx: Transaction,
    admission: Admission,
    enrollments: Sequence[Enrollment],
    announced: AnnouncedPurchases | None,
    known: Sequence[StoredForfeit],
) -> tuple[list[StoredForfeit], datetime | None]:
    """Return what is forfeited now, and when to compute it again: None if nothing more can be.

    An undecided purchase postpones both, since it may be confirmed.
    """
    if undecided := [one.due_at for one in enrollments if one.due_at is not None]:
        return [], max([tx.now, *undecided]) + AFTER_A_DECISION
    participant = admission.participant(forfeits=[stored.forfeit for stored in known])
    if participant is None:
        return [], None
    trainings = [one.training for one in enrollments if one.confirmed or one.voided]
    trainings += announced.trainings() if announced else []
    versions = context.schemes[admission.scheme]
    forfeits = forfeits_due(participant, trainings, tx.watermark, versions)
    after = replace(participant, forfeits=[*participant.forfeits, *forfeits])
    stored = [
        StoredForfeit(admission.participant_id, one.falls_at, admission.lane, admission.wave, one.amount, one.reason)
        for one in forfeits
    ]
    return stored, next_moment(after, trainings, tx.watermark, versions)


def _emit(tx: Transaction, forfeit: StoredForfeit) -> int | None:
    """Emit a forfeit and return the number of its event."""
    event = BalanceForfeited(
        participant_id=forfeit.participant_id,
        wave=forfeit.wave,
        amount=rupiah(forfeit.amount),
        reason=forfeit.reason.value,
        forfeited_at=forfeit.falls_at,
    )
    return tx.emit(BALANCE_FORFEITED, event, lane=forfeit.lane, key=forfeit.participant_id)
