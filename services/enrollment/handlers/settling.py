"""Decides what is undecided of some participants: when they buy, when a training is done, when time is up."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from services.enrollment.domain.purchase import (
    Confirmed,
    Participant,
    Purchase,
    PurchaseRefusal,
    Rejected,
    State,
    Training,
    Undecided,
    decide_purchase,
)
from services.enrollment.domain.scheme import Scheme
from services.enrollment.handlers import ENROLLMENT, Context
from services.enrollment.handlers.adoption import PurchaseSaid, forget_purchases, purchases_said
from services.enrollment.handlers.confirmation import confirmed_event
from services.enrollment.store.admission import Admission, load_admissions
from services.enrollment.store.enrollment import Enrollment, load_enrollments, save_enrollments
from shared.contracts import enrollment, upstream
from shared.messaging.transaction import Transaction

Outcome = Confirmed | Rejected | Undecided
Said = Mapping[str, PurchaseSaid]
"""By redeem code: what had been announced before a restore."""


async def look_again(context: Context, tx: Transaction, people: Collection[str]) -> None:
    """Decides what is undecided of these participants."""
    enrollments = await load_enrollments(tx.connection, people)
    admissions = await load_admissions(tx.connection, people)
    await settle(context, tx, enrollments, admissions, {}, await purchases_said(tx, people))


async def settle(
    context: Context,
    tx: Transaction,
    enrollments: Mapping[str, Sequence[Enrollment]],
    admissions: Mapping[str, Sequence[Admission]],
    heard: Mapping[str, upstream.TrainingPurchased],
    said: Mapping[str, Said],
) -> None:
    """Decides, saves and announces. `enrollments` are all of each participant's; `heard`: purchases by redeem code.

    What was not heard just now is read from where it is kept. `said`, by participant: what had been announced before a
    restore stands, and is not announced again.
    """
    changed: list[Enrollment] = []
    for person, of_participant in enrollments.items():
        admission = next((admission for admission in admissions[person] if admission.admitted), None)
        changed += _settle_participant(context, tx, of_participant, admission, heard, said.get(person, {}))
    if changed:
        await save_enrollments(tx.connection, changed, tx.now)
    if said:
        await forget_purchases(tx, [one.redeem_code for one in changed if one.state is not State.UNDECIDED])


def _settle_participant(
    context: Context,
    tx: Transaction,
    of_participant: Sequence[Enrollment],
    admission: Admission | None,
    heard: Mapping[str, upstream.TrainingPurchased],
    said: Said,
) -> list[Enrollment]:
    """In the order in which trainings were bought, whatever order they were heard of in."""
    trainings = [one.training for one in of_participant if one.confirmed]
    trainings += [_training(word) for word in said.values() if isinstance(word, enrollment.EnrollmentConfirmed)]
    undecided = [one for one in of_participant if one.state is State.UNDECIDED]
    changed = []
    for before in sorted(undecided, key=lambda one: (one.purchased_at, one.redeem_code)):
        assert before.purchase is not None
        data = heard.get(before.redeem_code) or upstream.TRAINING_PURCHASED.parse(before.purchase)
        scheme = context.schemes[admission.scheme] if admission else None
        if word := said.get(before.redeem_code):
            changed.append(_as_said(before, word, scheme))
            tx.wake(ENROLLMENT, before.redeem_code)
            continue
        outcome = _outcome(before, data, admission, trainings, scheme)
        after = _after(context, tx, before, outcome, scheme)
        if after is None:
            continue
        if after.confirmed:
            trainings.append(after.training)
        _announce(tx, before, after, data, admission, scheme)
        changed.append(after)
    return changed


def _outcome(
    before: Enrollment,
    data: upstream.TrainingPurchased,
    admission: Admission | None,
    trainings: Sequence[Training],
    scheme: Scheme | None,
) -> Outcome:
    if admission is None or admission.balance is None or scheme is None:
        return Rejected(PurchaseRefusal.NOT_ADMITTED)
    purchase = Purchase(data.mode, before.price, data.hours, data.class_size, before.purchased_at, before.ends_at)
    participant = Participant(admission.regency, admission.admitted_at, admission.balance)
    return decide_purchase(purchase, participant, trainings, scheme)


def _after(
    context: Context, tx: Transaction, before: Enrollment, outcome: Outcome, scheme: Scheme | None
) -> Enrollment | None:
    """What becomes of an undecided enrollment; None, when it goes on waiting."""
    match outcome:
        case Confirmed():
            return _decided(before, State.CONFIRMED, None, scheme)
        case Rejected(reason):
            return _decided(before, State.REJECTED, reason, scheme)
        case Undecided(reason):
            if before.due_at is None or reason is not before.reason:
                due_at = tx.now + _patience(context, reason)
                return before._replace(reason=reason, due_at=due_at, **_under(scheme))
            if before.due_at <= tx.read_through:
                return _decided(before, State.REJECTED, reason, scheme)
            return None


def _training(said: enrollment.EnrollmentConfirmed) -> Training:
    """One that stands, though its purchase is still to be read again."""
    ends_at = max(session.ends_at for session in said.sessions)
    return Training(said.price.value, said.purchased_at, ends_at, completed_at=None, rated_at=None)


def _as_said(before: Enrollment, said: PurchaseSaid, scheme: Scheme | None) -> Enrollment:
    if isinstance(said, enrollment.EnrollmentRejected):
        return _decided(before, State.REJECTED, PurchaseRefusal(said.reason), scheme)
    confirmed = _decided(before, State.CONFIRMED, None, scheme)
    return confirmed._replace(scheme=said.scheme, scheme_version=said.scheme_version)


def _decided(before: Enrollment, state: State, reason: PurchaseRefusal | None, scheme: Scheme | None) -> Enrollment:
    return before._replace(state=state, reason=reason, due_at=None, purchase=None, trace=None, **_under(scheme))


def _under(scheme: Scheme | None) -> dict[str, Any]:
    """The rules a decision is made under are kept with it."""
    return {"scheme": scheme.scheme, "scheme_version": scheme.version} if scheme else {}


def _patience(context: Context, reason: PurchaseRefusal) -> timedelta:
    """What has been sent is only to be read; a training has still to be completed, and evidence to arrive."""
    return context.wait_at_most if reason is PurchaseRefusal.PREVIOUS_NOT_COMPLETED else timedelta()


def _announce(
    tx: Transaction,
    before: Enrollment,
    after: Enrollment,
    data: upstream.TrainingPurchased,
    admission: Admission | None,
    scheme: Scheme | None,
) -> None:
    person, wave = after.participant_id, admission.wave if admission else None
    if after.confirmed and wave is not None and scheme is not None:
        event = confirmed_event(data, wave, scheme)
        tx.announce(enrollment.ENROLLMENT_CONFIRMED, event, lane=after.lane, key=person, trace=before.trace)
    elif after.state is State.REJECTED and after.reason is not None:
        rejected = enrollment.EnrollmentRejected(
            participant_id=person, redeem_code=after.redeem_code, wave=wave, reason=after.reason
        )
        tx.announce(enrollment.ENROLLMENT_REJECTED, rejected, lane=after.lane, key=person, trace=before.trace)
    if after.state is not State.UNDECIDED:
        tx.wake(ENROLLMENT, after.redeem_code)
