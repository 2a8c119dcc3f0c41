"""Purchases of trainings, as platforms report them."""

from collections.abc import Collection, Mapping, Sequence

from services.enrollment.context import Context
from services.enrollment.domain.claim_kinds import REDEEM_CODE
from services.enrollment.domain.deferral_kinds import PARTICIPANT
from services.enrollment.domain.purchase import EnrollmentState
from services.enrollment.handlers.adoption import (
    AnnouncedPurchase,
    is_same_purchase,
    load_announced_admissions,
    load_announced_purchases,
)
from services.enrollment.handlers.opened_seals import content_digest
from services.enrollment.handlers.purchase_decisions import decide
from services.enrollment.store.admissions import Admission, load_admissions
from services.enrollment.store.enrollments import Enrollment, load_enrollments
from shared.contracts import enrollment, upstream
from shared.contracts.park_reasons import ParkReason
from shared.messaging.message import Message, require_lane
from shared.messaging.transaction.transaction import Transaction

PurchaseMessage = Message[upstream.TrainingPurchased]


async def decide_purchases(context: Context, tx: Transaction, messages: Sequence[PurchaseMessage]) -> None:
    """Decide new purchases; defer those of participants without an application."""
    known = await _load_known(tx, {message.data.participant_id for message in messages})
    mine = await _claim_codes(tx, messages, known)
    people = {message.data.participant_id for message in mine}
    enrollments = await load_enrollments(tx.connection, people)
    announced = await load_announced_purchases(tx, people)
    received: dict[str, upstream.TrainingPurchased] = {}
    for message in mine:
        person, code = message.data.participant_id, message.data.redeem_code
        announced_event = announced[person].decisions.get(code) if person in announced else None
        if _add_if_new(context, tx, message, enrollments.setdefault(person, []), announced_event):
            received[code] = message.data
    await decide(context, tx, enrollments, known, received, announced)


async def _load_known(tx: Transaction, people: Collection[str]) -> Mapping[str, Sequence[Admission]]:
    """Return the admissions of these participants, without those whose admission a restore left to be read again."""
    known = await load_admissions(tx.connection, people)
    for event in (await load_announced_admissions(tx, people)).values():
        if isinstance(event, enrollment.ParticipantAdmitted):
            known.pop(event.participant_id, None)
    return known


async def _claim_codes(
    tx: Transaction, messages: Sequence[PurchaseMessage], known: Mapping[str, Sequence[Admission]]
) -> list[PurchaseMessage]:
    """Claim redeem codes; return the purchases whose code belongs to their participant, and park the others."""
    wanted: dict[str, str] = {}
    for message in messages:
        if message.data.participant_id in known:
            wanted.setdefault(message.data.redeem_code, message.data.participant_id)
        else:
            tx.defer(message, PARTICIPANT, message.data.participant_id)
    owners = await tx.claim(REDEEM_CODE, wanted)
    mine = []
    for message in messages:
        owner = owners.get(message.data.redeem_code) if message.data.participant_id in known else None
        if owner == message.data.participant_id:
            mine.append(message)
        elif owner is not None:
            tx.park(message, ParkReason.NOT_YOURS, "/redeem_code")
    return mine


def _add_if_new(
    context: Context,
    tx: Transaction,
    message: PurchaseMessage,
    of_participant: list[Enrollment],
    announced: AnnouncedPurchase | None,
) -> bool:
    """Add a new purchase as undecided and return True; ignore a repeat, and park other content under its code.

    `announced`: the decision about this code that was announced before a restore.
    """
    stated = upstream.TRAINING_PURCHASED.dump(message.data)
    digest = content_digest(context, stated.decode())
    same = next((one for one in of_participant if one.redeem_code == message.data.redeem_code), None)
    if same is None and announced is not None and not is_same_purchase(message.data, announced):
        tx.park(message, ParkReason.CONFLICT)
        return False
    if same is None:
        of_participant.append(_undecided(message, stated, digest))
    elif same.content_digest != digest:
        tx.park(message, ParkReason.CONFLICT)
    return same is None


def _undecided(message: PurchaseMessage, stated: bytes, digest: bytes) -> Enrollment:
    data = message.data
    return Enrollment(
        redeem_code=data.redeem_code,
        participant_id=data.participant_id,
        lane=require_lane(message),
        state=EnrollmentState.UNDECIDED,
        reason=None,
        scheme=None,
        scheme_version=None,
        provider_id=data.provider_id,
        course_code=data.course_code,
        price=data.price.value,
        purchased_at=data.purchased_at,
        ends_at=max(session.ends_at for session in data.sessions),
        content_digest=digest,
        purchase=stated,
        trace=message.trace,
    )
