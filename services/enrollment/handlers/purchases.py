"""Purchases of trainings and their voids, as platforms report them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from services.enrollment.context import Context
from services.enrollment.domain.claim_kinds import REDEEM_CODE
from services.enrollment.domain.deferral_kinds import PARTICIPANT, VOID
from services.enrollment.domain.purchase import EnrollmentState
from services.enrollment.handlers.adoption import (
    AnnouncedPurchase,
    is_same_purchase,
    load_announced_admissions,
    load_announced_purchases,
)
from services.enrollment.handlers.opened_seals import content_digest
from services.enrollment.handlers.purchase_decisions import decide
from services.enrollment.handlers.voids import VoidMessage, void_trainings
from services.enrollment.store.admissions import Admission, load_admissions
from services.enrollment.store.enrollments import Enrollment, load_enrollments
from services.enrollment.store.voids import note_voids
from shared.contracts import enrollment, upstream
from shared.contracts.park_reasons import ParkReason
from shared.messaging.message import Message, require_lane
from shared.messaging.transaction.transaction import Transaction

PurchaseMessage = Message[upstream.TrainingPurchased]


async def decide_purchases(
    context: Context, tx: Transaction, messages: Sequence[PurchaseMessage | VoidMessage]
) -> None:
    """Void trainings and decide new purchases; defer those of participants without an application.

    A batch counts as one moment: a void that comes with a purchase counts for it, whichever of them is first.
    """
    purchases = [m for m in messages if isinstance(m.data, upstream.TrainingPurchased)]
    voids = [m for m in messages if isinstance(m.data, upstream.TrainingVoided)]
    early = await void_trainings(context, tx, voids, {message.data.redeem_code for message in purchases})
    known = await _load_known(tx, {message.data.participant_id for message in purchases})
    mine = await _claim_codes(tx, await _defer_behind_voids(tx, purchases, known), known)
    people = {message.data.participant_id for message in mine}
    enrollments = await load_enrollments(tx.connection, people)
    announced = await load_announced_purchases(tx, people)
    received: dict[str, upstream.TrainingPurchased] = {}
    for message in mine:
        person, code = message.data.participant_id, message.data.redeem_code
        announced_event = announced[person].decisions.get(code) if person in announced else None
        if _add_if_new(context, tx, message, enrollments.setdefault(person, []), announced_event):
            received[code] = message.data
    voided = _apply_early(tx, early, enrollments, received)
    await decide(context, tx, enrollments, known, received, announced)
    await note_voids(tx.connection, voided)


def _apply_early(
    tx: Transaction,
    early: Iterable[VoidMessage],
    enrollments: Mapping[str, list[Enrollment]],
    received: Mapping[str, upstream.TrainingPurchased],
) -> list[Enrollment]:
    """Note voids on purchases of the same batch, and return these; park another participant's, defer the others."""
    voids: dict[str, upstream.TrainingVoided] = {}
    for message in early:
        bought = received.get(message.data.redeem_code)
        if bought is None:
            tx.defer(message, VOID, message.data.redeem_code)
        elif bought.participant_id != message.data.participant_id:
            tx.park(message, ParkReason.NOT_YOURS, "/redeem_code")
        else:
            voids.setdefault(message.data.redeem_code, message.data)
    voided = []
    for code, void in voids.items():
        of_participant = enrollments[void.participant_id]
        number = next(i for i, one in enumerate(of_participant) if one.redeem_code == code)
        of_participant[number] = of_participant[number]._replace(voided_at=void.voided_at, void_reason=void.reason)
        voided.append(of_participant[number])
    return voided


async def _load_known(tx: Transaction, people: Collection[str]) -> Mapping[str, Sequence[Admission]]:
    """Return the admissions of these participants, without those whose admission a restore left to be read again."""
    known = await load_admissions(tx.connection, people)
    for event in (await load_announced_admissions(tx, people)).values():
        if isinstance(event, enrollment.ParticipantAdmitted):
            known.pop(event.participant_id, None)
    return known


async def _defer_behind_voids(
    tx: Transaction, messages: Sequence[PurchaseMessage], known: Mapping[str, Sequence[Admission]]
) -> list[PurchaseMessage]:
    """Return the purchases to decide now; defer those with which one competes whose void is deferred already."""
    competing = _competing(message for message in messages if message.data.participant_id in known)
    codes = {message.data.redeem_code for message in competing}
    lanes = sorted({require_lane(message) for message in competing})
    waiting = set(await tx.deferred_keys(VOID, lanes, among=codes))
    if not waiting:
        return list(messages)
    behind = {m.data.participant_id: m.data.redeem_code for m in competing if m.data.redeem_code in waiting}
    now = []
    for message in messages:
        code = behind.get(message.data.participant_id)
        if code is None or message.data.redeem_code in waiting:
            now.append(message)
        else:
            tx.defer(message, VOID, code)
    return now


def _competing(messages: Iterable[PurchaseMessage]) -> list[PurchaseMessage]:
    """Return the purchases of participants who have bought several trainings."""
    bought: defaultdict[str, dict[str, PurchaseMessage]] = defaultdict(dict)
    for message in messages:
        bought[message.data.participant_id][message.data.redeem_code] = message
    return [message for of_one in bought.values() if len(of_one) > 1 for message in of_one.values()]


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
