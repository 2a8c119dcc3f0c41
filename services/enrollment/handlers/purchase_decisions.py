"""Decisions on purchases: when one arrives, when a training reaches a milestone, and when a decision is due."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.enrollment.context import Context
from services.enrollment.domain.course import Course
from services.enrollment.domain.deferral_kinds import ENROLLMENT, VOID
from services.enrollment.domain.purchase import (
    Confirmed,
    EnrollmentState,
    Participant,
    Purchase,
    PurchaseOutcome,
    PurchaseRejection,
    Rejected,
    Training,
    Undecided,
    decide_purchase,
)
from services.enrollment.domain.scheme import Scheme
from services.enrollment.handlers.adoption import (
    AnnouncedPurchase,
    AnnouncedPurchases,
    forget_purchases,
    load_announced_purchases,
)
from services.enrollment.handlers.confirmation import confirmed_event
from services.enrollment.handlers.voided_enrollments import void_confirmed
from services.enrollment.store.admissions import Admission, load_admissions
from services.enrollment.store.blocks import load_blocks
from services.enrollment.store.courses import latest_versions, load_courses
from services.enrollment.store.enrollments import Enrollment, load_enrollments, save_enrollments
from services.enrollment.store.forfeits import load_forfeits
from services.enrollment.store.state_counts import add_to_state_counts
from shared.contracts import enrollment, upstream
from shared.errors import InvariantBroken
from shared.messaging.transaction.transaction import Transaction

LATE = (PurchaseRejection.FIRST_PURCHASE_LATE, PurchaseRejection.NEXT_PURCHASE_LATE)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """All that one participant's purchases are decided on, besides their enrollments.

    `admission` and `participant` are None if not admitted. `courses` by course code; `received`: the purchases of this
    batch by redeem code, others are parsed from their row. `announced`: decisions and voids announced before a restore,
    which are taken over and not emitted again.
    """

    admission: Admission | None
    participant: Participant | None
    courses: Mapping[str, Course]
    received: Mapping[str, upstream.TrainingPurchased]
    announced: AnnouncedPurchases


async def redecide(context: Context, tx: Transaction, people: Collection[str]) -> None:
    """Decide the undecided purchases of these participants."""
    enrollments = await load_enrollments(tx.connection, people)
    admissions = await load_admissions(tx.connection, people)
    await decide(context, tx, enrollments, admissions, {}, await load_announced_purchases(tx, people))


async def decide(
    context: Context,
    tx: Transaction,
    enrollments: Mapping[str, Sequence[Enrollment]],
    admissions: Mapping[str, Sequence[Admission]],
    received: Mapping[str, upstream.TrainingPurchased],
    announced: Mapping[str, AnnouncedPurchases],
) -> None:
    """Decide undecided purchases, save them and emit the decisions.

    `enrollments` are all of each participant's, `received` the purchases of this batch by redeem code, `announced` what
    was announced before a restore, by participant.
    """
    undecided = [one for of_one in enrollments.values() for one in of_one if one.undecided]
    courses = latest_versions(await load_courses(tx.connection, {one.course_code for one in undecided}))
    people = {one.participant_id for one in undecided}
    blocks = await load_blocks(tx.connection, people)
    forfeits = await load_forfeits(
        tx.connection, [person for person in people if any(one.has_forfeited for one in admissions[person])]
    )
    changed: list[Enrollment] = []
    carried_by: dict[str, int | None] = {}
    for person, of_participant in enrollments.items():
        admission = next((one for one in admissions[person] if one.admitted), None)
        circumstances = Circumstances(
            admission=admission,
            participant=admission
            and admission.participant(
                [stored.block for stored in blocks.get(person, ())],
                [stored.forfeit for stored in forfeits.get(person, ())],
            ),
            courses=courses,
            received=received,
            announced=announced.get(person) or AnnouncedPurchases(),
        )
        changed += _decide_for_participant(context, tx, of_participant, circumstances, carried_by)
    decided = [one for one in changed if not one.undecided]
    if changed:
        await save_enrollments(tx.connection, changed, carried_by, tx.now)
        await add_to_state_counts(tx.connection, ((one.lane, one.state) for one in decided))
    if voided := [one for one in decided if one.confirmed and one.voided_at is not None]:
        await void_confirmed(
            context, tx, voided, admissions, {code for of_one in announced.values() for code in of_one.voids}
        )
    if announced:
        await forget_purchases(tx, [one.redeem_code for one in decided])


def _decide_for_participant(
    context: Context,
    tx: Transaction,
    of_participant: Sequence[Enrollment],
    circumstances: Circumstances,
    carried_by: dict[str, int | None],
) -> list[Enrollment]:
    """Decide in the order in which trainings were bought, not in that of arrival; add the numbers of the events."""
    admission, announced = circumstances.admission, circumstances.announced
    trainings = [one.training for one in of_participant if one.confirmed or one.voided] + announced.trainings()
    undecided = [one for one in of_participant if one.undecided]
    changed, ahead = [], None
    for stored in sorted(undecided, key=lambda one: (one.purchased_at, one.redeem_code)):
        before = announced.with_void(stored)
        data = circumstances.received.get(before.redeem_code) or _stored_purchase(before)
        scheme = context.schemes[admission.scheme].at(before.purchased_at) if admission else None
        if announced_event := announced.decisions.get(before.redeem_code):
            changed.append(_as_announced(before, announced_event, scheme))
            _release(tx, before.redeem_code)
            continue
        course = circumstances.courses.get(before.course_code)
        queued = ahead is not None
        outcome = _decide_outcome(before, data, circumstances.participant, trainings, course, scheme, queued=queued)
        after = _apply_outcome(context, tx, before, outcome, scheme, ahead)
        if (after or before).undecided:
            ahead = max(filter(None, [ahead, (after or before).due_at]), default=None)
        if after is None:
            continue
        after = after._replace(course_version=course.version if course else None)
        if after.confirmed:
            trainings.append(after.training)
        carried_by[after.redeem_code] = _emit(tx, before, after, data, admission, scheme)
        changed.append(after)
    return changed


def _stored_purchase(undecided: Enrollment) -> upstream.TrainingPurchased:
    if undecided.purchase is None:
        raise InvariantBroken(
            undecided.redeem_code, "it is undecided, but its row holds no purchase; find out who changed it"
        )
    return upstream.TRAINING_PURCHASED.parse(undecided.purchase)


def _decide_outcome(
    before: Enrollment,
    data: upstream.TrainingPurchased,
    participant: Participant | None,
    trainings: Sequence[Training],
    course: Course | None,
    scheme: Scheme | None,
    *,
    queued: bool,
) -> PurchaseOutcome:
    if participant is None or scheme is None:
        return Rejected(PurchaseRejection.NOT_ADMITTED)
    purchase = Purchase(
        before.provider_id,
        data.mode,
        before.price,
        data.hours,
        data.class_size,
        before.purchased_at,
        before.ends_at,
    )
    return decide_purchase(purchase, participant, trainings, course, scheme, queued=queued)


def _apply_outcome(
    context: Context,
    tx: Transaction,
    before: Enrollment,
    outcome: PurchaseOutcome,
    scheme: Scheme | None,
    ahead: datetime | None,
) -> Enrollment | None:
    """Return the enrollment as decided or left undecided with a new reason; None if it stays as it is.

    `ahead`: when all earlier purchases of the participant that are undecided are due.
    """
    match outcome:
        case Confirmed():
            return _decided(before, EnrollmentState.CONFIRMED, None, scheme)
        case Rejected(reason):
            return _decided(before, EnrollmentState.REJECTED, reason, scheme)
        case Undecided(reason):
            due_at = _due_at(context, tx, before, reason)
            if ahead is not None and reason is PurchaseRejection.PREVIOUS_NOT_COMPLETED:
                due_at = max(due_at, ahead)
            if due_at == before.due_at and due_at <= tx.watermark:
                return _decided(before, EnrollmentState.REJECTED, reason, scheme)
            if (reason, due_at) == (before.reason, before.due_at):
                return None
            name, version = _scheme_of(before, scheme)
            return before._replace(reason=reason, due_at=due_at, scheme=name, scheme_version=version)


def _as_announced(before: Enrollment, event: AnnouncedPurchase, scheme: Scheme | None) -> Enrollment:
    if isinstance(event, enrollment.EnrollmentRejected):
        return _decided(before, EnrollmentState.REJECTED, PurchaseRejection(event.reason), scheme)
    confirmed = _decided(before, EnrollmentState.CONFIRMED, None, scheme)
    return confirmed._replace(scheme=event.scheme, scheme_version=event.scheme_version)


def _decided(
    before: Enrollment, state: EnrollmentState, reason: PurchaseRejection | None, scheme: Scheme | None
) -> Enrollment:
    name, version = _scheme_of(before, scheme)
    return before._replace(
        state=state, reason=reason, due_at=None, purchase=None, trace=None, scheme=name, scheme_version=version
    )


def _scheme_of(before: Enrollment, scheme: Scheme | None) -> tuple[str | None, int | None]:
    """Return name and version of the scheme that decides; that of the row if the participant was not admitted."""
    return (scheme.scheme, scheme.version) if scheme else (before.scheme, before.scheme_version)


def _due_at(context: Context, tx: Transaction, before: Enrollment, reason: PurchaseRejection) -> datetime:
    """Return when the purchase is rejected: a late one now, any other `wait_at_most` after it was found undecided.

    Another reason does not prolong the wait.
    """
    waits = reason not in LATE
    if before.due_at is not None and (reason is before.reason or (waits and before.reason not in LATE)):
        return before.due_at
    return tx.now + context.wait_at_most if waits else tx.now


def _emit(
    tx: Transaction,
    before: Enrollment,
    after: Enrollment,
    data: upstream.TrainingPurchased,
    admission: Admission | None,
    scheme: Scheme | None,
) -> int | None:
    """Emit a decision and return the number of its event; None if nothing is decided yet."""
    number = None
    person, wave = after.participant_id, admission.wave if admission else None
    if after.confirmed and admission is not None and scheme is not None:
        event = confirmed_event(data, admission.wave, scheme, admission.cut_off_at)
        number = tx.emit(enrollment.ENROLLMENT_CONFIRMED, event, lane=after.lane, key=person, trace=before.trace)
    elif after.state is EnrollmentState.REJECTED and after.reason is not None:
        rejected = enrollment.EnrollmentRejected(
            participant_id=person, redeem_code=after.redeem_code, wave=wave, reason=after.reason
        )
        number = tx.emit(enrollment.ENROLLMENT_REJECTED, rejected, lane=after.lane, key=person, trace=before.trace)
    _release(tx, after.redeem_code)
    return number


def _release(tx: Transaction, redeem_code: str) -> None:
    tx.release(ENROLLMENT, redeem_code)
    tx.release(VOID, redeem_code)
