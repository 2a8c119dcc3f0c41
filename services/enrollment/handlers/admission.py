"""Somebody is to take part in a wave: admitted or refused, once per NIK."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.enrollment.domain.admission import Admitted, Applicant, Refused, Wave, decide_admission
from services.enrollment.handlers import PARTICIPANT, WAVE, Context
from services.enrollment.handlers.account import announce_kept_accounts
from services.enrollment.handlers.content import open_identity
from services.enrollment.handlers.niks import Niks
from services.enrollment.store.admission import Admission, insert_admissions, load_admissions
from services.enrollment.store.wave import count_admissions, load_waves, lock_waves
from shared.contracts import enrollment, upstream
from shared.contracts.fields import rupiah
from shared.contracts.reasons import Parked, ParkReason
from shared.messaging.message import Message
from shared.messaging.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Application:
    """An event with its seal opened. `index`: of the NIK, keyed."""

    message: Message[upstream.ParticipantAdmitted]
    applicant: Applicant
    index: str
    digest: bytes

    @property
    def key(self) -> tuple[str, str]:
        return self.applicant.participant_id, self.applicant.wave


async def admit_participants(
    context: Context, tx: Transaction, messages: Sequence[Message[upstream.ParticipantAdmitted]]
) -> None:
    applications = _open(context, tx, messages)
    known = await load_admissions(tx.connection, {a.applicant.participant_id for a in applications})
    waves = await load_waves(tx.connection, {a.applicant.wave for a in applications})
    fresh = _sift(tx, applications, known, waves)
    if not fresh:
        return
    admitted = {person for person, admissions in known.items() if any(a.admitted for a in admissions)}
    decided = await _decide(context, tx, fresh, waves, admitted)
    await insert_admissions(tx.connection, list(decided.values()), tx.now)
    await count_admissions(
        tx.connection,
        Counter(a.wave for a in decided.values() if a.admitted),
        Counter(a.wave for a in decided.values() if not a.admitted),
    )
    for application in fresh:
        _announce(tx, application, decided[application.key])
    await announce_kept_accounts(tx, [a for a in decided.values() if a.admitted])


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
        applications.append(Application(message, applicant, context.index.of(identity.nik), digest))
    return applications


def _sift(
    tx: Transaction,
    applications: Sequence[Application],
    known: Mapping[str, Sequence[Admission]],
    waves: Mapping[str, Wave],
) -> list[Application]:
    """What is new: repeats change nothing, other content is parked, what comes before its wave waits."""
    digests = {(a.participant_id, a.wave): a.content_digest for of_one in known.values() for a in of_one}
    fresh = []
    for application in applications:
        applicant, message = application.applicant, application.message
        if applicant.wave not in waves:
            tx.wait(message, WAVE, applicant.wave, owner=applicant.participant_id)
        elif application.key not in digests:
            digests[application.key] = application.digest
            fresh.append(application)
        elif digests[application.key] != application.digest:
            tx.park(message, ParkReason.CONFLICT)
    return fresh


async def _decide(
    context: Context,
    tx: Transaction,
    fresh: Sequence[Application],
    waves: Mapping[str, Wave],
    admitted: set[str],
) -> dict[tuple[str, str], Admission]:
    """In order of arrival; the last places go to those who came first."""
    niks = await Niks.claim(tx, ((a.index, a.applicant.participant_id) for a in fresh), admitted)
    places = await lock_waves(tx.connection, {a.applicant.wave for a in fresh})
    decided = {}
    for application in fresh:
        applicant, index = application.applicant, application.index
        wave = waves[applicant.wave]
        scheme = context.schemes[wave.scheme]
        free = niks.is_free(index, applicant.participant_id)
        decision = decide_admission(applicant, wave, scheme, nik_is_free=free, places=places[wave.wave])
        if isinstance(decision, Admitted):
            places[wave.wave] -= 1
            niks.take(index, applicant.participant_id)
        else:
            niks.give_back(index, applicant.participant_id)
        decided[application.key] = _admission(application, decision, scheme.scheme, scheme.version)
    await niks.settle(tx)
    return decided


def _admission(application: Application, decision: Admitted | Refused, scheme: str, scheme_version: int) -> Admission:
    message, admitted = application.message, isinstance(decision, Admitted)
    assert message.lane is not None
    return Admission(
        participant_id=message.data.participant_id,
        wave=message.data.wave,
        lane=message.lane,
        reason=decision.reason if isinstance(decision, Refused) else None,
        scheme=scheme,
        scheme_version=scheme_version,
        balance=decision.balance if isinstance(decision, Admitted) else None,
        regency=message.data.regency,
        admitted_at=message.data.admitted_at,
        identity_index=bytes.fromhex(application.index) if admitted else None,
        content_digest=application.digest,
    )


def _announce(tx: Transaction, application: Application, decided: Admission) -> None:
    person, trace = decided.participant_id, application.message.trace
    if decided.reason is not None:
        refused = enrollment.ParticipantRefused(
            participant_id=person, wave=decided.wave, reason=decided.reason, admitted_at=decided.admitted_at
        )
        tx.announce(enrollment.PARTICIPANT_REFUSED, refused, lane=decided.lane, key=person, trace=trace)
    else:
        event = _admitted_event(application, decided)
        tx.announce(enrollment.PARTICIPANT_ADMITTED, event, lane=decided.lane, key=person, trace=trace)
    tx.wake(PARTICIPANT, person)


def _admitted_event(application: Application, decided: Admission) -> enrollment.ParticipantAdmitted:
    data = application.message.data
    assert decided.balance is not None
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
