"""Enrollments, as the enrollment service confirmed, rejected or voided them."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from services.completion.domain.deferral_kinds import ENROLLMENT
from services.completion.domain.enrollment import ConfirmedTerms, Enrollment, EnrollmentState
from services.completion.domain.rule import CompletionRule, RequiredSession
from services.completion.handlers.outcome import EnrollmentOutcome, record_outcomes
from services.completion.store.deadlines import insert_deadlines
from services.completion.store.enrollments import insert_enrollments, load_enrollments, note_void_causes
from services.completion.store.state_counts import add_to_state_counts
from shared.contracts.enrollment import EnrollmentEvidence, EnrollmentRejected, EnrollmentVoided
from shared.contracts.park_reasons import ParkReason
from shared.messaging.message import Message, require_lane
from shared.messaging.sequence_number import sequence_in
from shared.messaging.transaction.transaction import Transaction

Decided = EnrollmentEvidence | EnrollmentRejected


async def record_enrollments(tx: Transaction, messages: Sequence[Message[Decided]]) -> None:
    """Store new enrollments and release the evidence deferred for them.

    The first decision about a redeem code stands: another one of different content is parked.
    """
    known = await load_enrollments(tx.connection, {message.data.redeem_code for message in messages})
    new: dict[str, Enrollment] = {}
    caused_by: list[int] = []
    for message in messages:
        enrollment = _enrollment(message)
        earlier = known.setdefault(enrollment.redeem_code, enrollment)
        if earlier is enrollment:
            new[enrollment.redeem_code] = enrollment
            caused_by.append(sequence_in(message.id))
        elif (earlier.participant_id, earlier.terms) != (enrollment.participant_id, enrollment.terms):
            tx.park(message, ParkReason.CONFLICT)
    if not new:
        return
    await insert_enrollments(tx.connection, list(new.values()), caused_by, tx.now)
    await insert_deadlines(tx.connection, list(new.values()))
    await add_to_state_counts(tx.connection, Counter((e.lane, e.state) for e in new.values()).items())
    for redeem_code in new:
        tx.release(ENROLLMENT, redeem_code)


async def void_enrollments(tx: Transaction, messages: Sequence[Message[EnrollmentVoided]]) -> None:
    """Make voided enrollments final that are still open; others stay what they are.

    One that was not completed in time can no longer be reopened.
    A void comes before its enrollment only where this service has forgotten that: it waits for it.
    """
    voids = {message.data.redeem_code: message for message in messages}
    known = await load_enrollments(tx.connection, voids)
    for code in voids.keys() - known.keys():
        tx.defer(voids[code], ENROLLMENT, code)
    await note_void_causes(tx.connection, {code: sequence_in(voids[code].id) for code in known})
    open_ones = [one for one in known.values() if one.state is EnrollmentState.OPEN]
    await record_outcomes(tx, [EnrollmentOutcome(one, None, voids[one.redeem_code].trace) for one in open_ones])


# All participants of a class share one rule, so it is made once.
_rule = lru_cache(maxsize=500)(CompletionRule)


def _enrollment(message: Message[Decided]) -> Enrollment:
    data = message.data
    confirmed = isinstance(data, EnrollmentEvidence)
    return Enrollment(
        redeem_code=data.redeem_code,
        participant_id=data.participant_id,
        lane=require_lane(message),
        state=EnrollmentState.OPEN if confirmed else EnrollmentState.REJECTED,
        terms=_terms(data) if isinstance(data, EnrollmentEvidence) else None,
    )


def _terms(data: EnrollmentEvidence) -> ConfirmedTerms:
    return ConfirmedTerms(
        provider_id=data.provider_id,
        scheme=data.scheme,
        scheme_version=data.scheme_version,
        rule=_rule(
            sessions=tuple(RequiredSession(s.sequence, s.proof, s.starts_at, s.ends_at) for s in data.sessions),
            post_test=data.requires.post_test,
            graded=data.requires.graded,
            certificate=data.requires.certificate,
            whole_span=data.whole_span,
            evidence_days=data.evidence_days,
            complete_within_days=data.complete_within_days,
            sessions_at_least=data.requires.sessions_at_least,
        ),
    )
