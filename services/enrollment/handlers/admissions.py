"""Admissions: applications to a wave are admitted or refused, one admission per NIK."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.enrollment.context import Context
from services.enrollment.domain.admission import (
    AdmissionRefusal,
    AdmissionRefused,
    Admitted,
    Applicant,
    Wave,
    decide_admission,
)
from services.enrollment.domain.deferral_kinds import PARTICIPANT, WAVE
from services.enrollment.domain.scheme import Scheme
from services.enrollment.handlers.accounts import emit_kept_accounts
from services.enrollment.handlers.adoption import AnnouncedAdmission, forget_admissions, load_announced_admissions
from services.enrollment.handlers.forfeits import schedule_after_admissions
from services.enrollment.handlers.nik_claims import NikClaims
from services.enrollment.handlers.opened_seals import open_identity
from services.enrollment.store.admissions import Admission, insert_admissions, load_admissions
from services.enrollment.store.waves import count_admissions, load_waves, lock_waves, overbook_waves
from shared.contracts import enrollment, upstream
from shared.contracts.fields import rupiah
from shared.contracts.park_reasons import Parked, ParkReason
from shared.errors import InvariantBroken
from shared.messaging.message import Message, require_lane
from shared.messaging.transaction.transaction import Transaction

ApplicationKey = tuple[str, str]
"""(participant, wave)."""


@dataclass(frozen=True, slots=True)
class Application:
    """An application with its seal opened. `index`: the keyed index of the NIK; `digest`: that of the content."""

    message: Message[upstream.ParticipantAdmitted]
    applicant: Applicant
    index: str
    digest: bytes

    @property
    def key(self) -> ApplicationKey:
        return self.applicant.participant_id, self.applicant.wave


async def decide_applications(
    context: Context, tx: Transaction, messages: Sequence[Message[upstream.ParticipantAdmitted]]
) -> None:
    """Decide each application once.

    A decision announced before a restore is taken over as it was announced, and not emitted again.
    """
    applications = _open(context, tx, messages)
    people = {a.applicant.participant_id for a in applications}
    known = await load_admissions(tx.connection, people)
    waves = await load_waves(tx.connection, {a.applicant.wave for a in applications})
    announced = await load_announced_admissions(tx, people)
    fresh = _filter_new(tx, applications, known, waves, announced)
    if not fresh:
        return
    admitted = {person for person, admissions in known.items() if any(a.admitted for a in admissions)}
    admitted |= {
        event.participant_id for event in announced.values() if isinstance(event, enrollment.ParticipantAdmitted)
    }
    decided = await _decide(context, tx, fresh, waves, admitted, announced)
    carried_by = {one.key: _emit(tx, one, decided[one.key]) for one in fresh if one.key not in announced}
    await _save(tx, decided, announced, carried_by)
    for application in fresh:
        tx.release(PARTICIPANT, application.applicant.participant_id)
    newly_admitted = [a for a in decided.values() if a.admitted]
    await schedule_after_admissions(context, tx, newly_admitted)
    await emit_kept_accounts(context, tx, newly_admitted)


def _open(
    context: Context, tx: Transaction, messages: Sequence[Message[upstream.ParticipantAdmitted]]
) -> list[Application]:
    applications = []
    for message in messages:
        data = message.data
        try:
            identity, digest = open_identity(context, data)
        except Parked as parked:
            tx.park(message, parked.reason, parked.detail or "/identity")
            continue
        applicant = Applicant(data.participant_id, data.wave, identity, data.gender, data.admitted_at)
        applications.append(Application(message, applicant, context.index.hexdigest(identity.nik), digest))
    return applications


def _filter_new(
    tx: Transaction,
    applications: Sequence[Application],
    known: Mapping[str, Sequence[Admission]],
    waves: Mapping[str, Wave],
    announced: Mapping[ApplicationKey, AnnouncedAdmission],
) -> list[Application]:
    """Return new applications; ignore repeats, park other content under a known key, defer for unknown waves."""
    digests = {(a.participant_id, a.wave): a.content_digest for of_one in known.values() for a in of_one}
    fresh = []
    for application in applications:
        applicant, message = application.applicant, application.message
        if applicant.wave not in waves:
            tx.defer(message, WAVE, applicant.wave, owner=applicant.participant_id)
        elif application.key in announced and not _is_same_application(application, announced[application.key]):
            tx.park(message, ParkReason.CONFLICT)
        elif application.key not in digests:
            digests[application.key] = application.digest
            fresh.append(application)
        elif digests[application.key] != application.digest:
            tx.park(message, ParkReason.CONFLICT)
    return fresh


def _is_same_application(application: Application, announced: AnnouncedAdmission) -> bool:
    """Return True if the application fits the announced decision, as far as the decision repeats it."""
    data = application.message.data
    if isinstance(announced, enrollment.ParticipantRefused):
        return data.admitted_at == announced.admitted_at
    stated = (data.gender, data.regency, data.dwelling, data.disability, data.admitted_at, application.index)
    return stated == (
        announced.gender,
        announced.regency,
        announced.dwelling,
        announced.disability,
        announced.admitted_at,
        announced.identity_index,
    )


async def _decide(
    context: Context,
    tx: Transaction,
    fresh: Sequence[Application],
    waves: Mapping[str, Wave],
    admitted: set[str],
    announced: Mapping[ApplicationKey, AnnouncedAdmission],
) -> dict[ApplicationKey, Admission]:
    """Decide in order of arrival: the first ones get the last places."""
    niks = await NikClaims.claim(tx, ((a.index, a.applicant.participant_id) for a in fresh), admitted)
    places = await lock_waves(tx.connection, {a.applicant.wave for a in fresh})
    decided = {}
    for application in fresh:
        applicant, index = application.applicant, application.index
        wave = waves[applicant.wave]
        scheme = context.schemes[wave.scheme].at(applicant.admitted_at)
        if announced_event := announced.get(application.key):
            decided[application.key] = _as_announced(application, announced_event, wave, scheme)
            if not decided[application.key].admitted:
                niks.free(index, applicant.participant_id)
            continue
        free = niks.is_free(index, applicant.participant_id)
        decision = decide_admission(applicant, wave, scheme, nik_is_free=free, places=places[wave.wave])
        if isinstance(decision, Admitted):
            places[wave.wave] -= 1
            niks.take(index, applicant.participant_id)
        else:
            niks.free(index, applicant.participant_id)
        decided[application.key] = _admission(application, decision, wave, scheme.scheme, scheme.version)
    await niks.flush(tx)
    return decided


async def _save(
    tx: Transaction,
    decided: Mapping[ApplicationKey, Admission],
    announced: Mapping[ApplicationKey, AnnouncedAdmission],
    carried_by: Mapping[ApplicationKey, int | None],
) -> None:
    announced_events = [announced[key] for key in decided if key in announced]
    admitted = Counter(a.wave for a in decided.values() if a.admitted)
    refused = Counter(a.wave for a in decided.values() if not a.admitted)
    await overbook_waves(tx.connection, {event.wave: admitted[event.wave] for event in announced_events})
    await insert_admissions(tx.connection, list(decided.values()), [carried_by.get(key) for key in decided], tx.now)
    await count_admissions(tx.connection, admitted, refused)
    await forget_admissions(tx, announced_events)


def _as_announced(application: Application, announced: AnnouncedAdmission, wave: Wave, scheme: Scheme) -> Admission:
    if isinstance(announced, enrollment.ParticipantRefused):
        refused = AdmissionRefused(AdmissionRefusal(announced.reason))
        return _admission(application, refused, wave, scheme.scheme, scheme.version)
    decision = Admitted(announced.scheme, announced.scheme_version, announced.balance.value)
    return _admission(application, decision, wave, announced.scheme, announced.scheme_version)


def _admission(
    application: Application, decision: Admitted | AdmissionRefused, wave: Wave, scheme: str, scheme_version: int
) -> Admission:
    message, admitted = application.message, isinstance(decision, Admitted)
    return Admission(
        participant_id=message.data.participant_id,
        wave=message.data.wave,
        lane=require_lane(message),
        reason=decision.reason if isinstance(decision, AdmissionRefused) else None,
        scheme=scheme,
        scheme_version=scheme_version,
        balance=decision.balance if isinstance(decision, Admitted) else None,
        regency=message.data.regency,
        admitted_at=message.data.admitted_at,
        identity_index=bytes.fromhex(application.index) if admitted else None,
        content_digest=application.digest,
        cut_off_at=wave.cut_off_at,
    )


def _emit(tx: Transaction, application: Application, decided: Admission) -> int | None:
    """Emit a decision and return the number of its event."""
    person, trace = decided.participant_id, application.message.trace
    if decided.reason is not None:
        refused = enrollment.ParticipantRefused(
            participant_id=person, wave=decided.wave, reason=decided.reason, admitted_at=decided.admitted_at
        )
        return tx.emit(enrollment.PARTICIPANT_REFUSED, refused, lane=decided.lane, key=person, trace=trace)
    event = _admitted_event(application, decided)
    return tx.emit(enrollment.PARTICIPANT_ADMITTED, event, lane=decided.lane, key=person, trace=trace)


def _admitted_event(application: Application, decided: Admission) -> enrollment.ParticipantAdmitted:
    data = application.message.data
    if decided.balance is None:
        raise InvariantBroken(decided.participant_id, "it is admitted without a balance; check its scheme and its row")
    return enrollment.ParticipantAdmitted(
        participant_id=data.participant_id,
        wave=data.wave,
        scheme=decided.scheme,
        scheme_version=decided.scheme_version,
        gender=data.gender,
        regency=data.regency,
        dwelling=data.dwelling,
        disability=data.disability,
        balance=rupiah(decided.balance),
        identity_index=application.index,
        admitted_at=data.admitted_at,
    )
