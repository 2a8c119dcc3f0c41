"""Voids, as platforms report them: a purchase is taken back, and its price returns to the balance."""

from collections.abc import Collection, Sequence

from services.enrollment.context import Context
from services.enrollment.domain.deferral_kinds import PARTICIPANT, VOID
from services.enrollment.handlers.forfeits import schedule_after_voids
from services.enrollment.handlers.purchase_decisions import redecide
from services.enrollment.handlers.voided_enrollments import void_confirmed
from services.enrollment.store.admissions import load_admissions
from services.enrollment.store.enrollments import Enrollment, load_enrollments_by_code, load_undecided_participants
from services.enrollment.store.voids import note_voids
from shared.contracts import upstream
from shared.contracts.park_reasons import ParkReason
from shared.messaging.message import Message
from shared.messaging.transaction.transaction import Transaction

VoidMessage = Message[upstream.TrainingVoided]


async def void_trainings(
    context: Context, tx: Transaction, messages: Sequence[VoidMessage], arriving: Collection[str]
) -> list[VoidMessage]:
    """Void confirmed enrollments, and decide the purchases that they were in the way of.

    Of an undecided purchase the void is noted. Further voids change nothing, nor does one of a rejected purchase.
    Return the voids of purchases that are `arriving` in the same batch. One of an unknown purchase is deferred until
    that comes; of a participant without an application together with the purchases that wait for it.
    """
    if not messages:
        return []
    known = await load_enrollments_by_code(tx.connection, {message.data.redeem_code for message in messages})
    early: list[VoidMessage] = []
    unknown = {message.data.participant_id for message in messages if message.data.redeem_code not in known}
    applied = await load_admissions(tx.connection, unknown) if unknown else {}
    voided: dict[str, Enrollment] = {}
    for message in messages:
        data = message.data
        one = known.get(data.redeem_code)
        if one is None and data.participant_id not in applied:
            tx.defer(message, PARTICIPANT, data.participant_id)
        elif one is None and data.redeem_code in arriving:
            early.append(message)
        elif one is None:
            tx.defer(message, VOID, data.redeem_code)
        elif one.participant_id != data.participant_id:
            tx.park(message, ParkReason.NOT_YOURS, "/redeem_code")
        elif one.voided_at is None and (one.undecided or one.confirmed):
            void = one._replace(voided_at=data.voided_at, void_reason=data.reason, trace=message.trace)
            voided.setdefault(one.redeem_code, void)
    await note_voids(tx.connection, [one for one in voided.values() if one.undecided])
    confirmed = [one for one in voided.values() if one.confirmed]
    # A repeat acts too: after a restore an adopted void may have been in the way, and its deadline is not scheduled.
    repeated = [one for one in known.values() if one.voided]
    people = {one.participant_id for one in (*repeated, *confirmed)}
    if people:
        admissions = await load_admissions(tx.connection, people)
        await void_confirmed(context, tx, confirmed, admissions)
        await schedule_after_voids(context, tx, repeated, admissions)
    if people and (undecided := await load_undecided_participants(tx.connection, people)):
        await redecide(context, tx, undecided)
    return early
