"""Outcomes: the one place where enrollments change their state, and where that is announced."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.completion.domain.completion import Completion, Incomplete, digest_of
from services.completion.domain.deferral_kinds import ANNOUNCED_COMPLETION
from services.completion.domain.enrollment import Enrollment, EnrollmentState
from services.completion.domain.revocation import Revocation
from services.completion.handlers.announced_events import load_announced_outcomes, load_announced_revocations
from services.completion.store.enrollments import (
    StoredOutcome,
    reopen_completions,
    revoke_completions,
    save_outcomes,
)
from services.completion.store.state_counts import add_to_state_counts, count_reopened
from shared.contracts.completion import (
    COMPLETION_CONFIRMED,
    COMPLETION_REJECTED,
    COMPLETION_REVOKED,
    MAX_EVIDENCE_NAMED,
    CompletionConfirmed,
    CompletionRejected,
    CompletionRevoked,
    EvidenceNamed,
    EvidenceReference,
)
from shared.messaging.transaction.transaction import Transaction

NOT_COMPLETED_IN_TIME = "not_completed_in_time"


@dataclass(frozen=True, slots=True)
class EnrollmentOutcome:
    """An open enrollment and the event that makes it final; `trace` is that of the message that decided it.

    `event` None: it is voided, which enrollment has announced.
    """

    enrollment: Enrollment
    event: CompletionConfirmed | CompletionRejected | None
    trace: str | None = None


class RevokedCompletion(NamedTuple):
    """A completed enrollment and the event that revokes it; `trace` is that of the message that does so."""

    enrollment: Enrollment
    event: CompletionRevoked
    trace: str | None = None


async def record_outcomes(tx: Transaction, outcomes: Sequence[EnrollmentOutcome]) -> None:
    """Make the open enrollments final and emit their events.

    An outcome that was announced before a restore is taken over as it was announced, and not emitted again. So is the
    revocation of a completion; others that wait for the completion are released.
    """
    if not outcomes:
        return
    announced = await load_announced_outcomes(tx, {outcome.enrollment.participant_id for outcome in outcomes})
    pairs = [(outcome, announced.get(outcome.enrollment.redeem_code)) for outcome in outcomes]
    decisions = [
        _stored_outcome(outcome.enrollment.redeem_code, before or outcome.event, None if before else _emit(tx, outcome))
        for outcome, before in pairs
    ]
    await save_outcomes(tx.connection, decisions, tx.now)
    lanes = [outcome.enrollment.lane for outcome in outcomes]
    states = [decision.state for decision in decisions]
    await add_to_state_counts(tx.connection, Counter(zip(lanes, states, strict=True)).items())
    for _, before in pairs:
        if isinstance(before, CompletionConfirmed):
            tx.release(ANNOUNCED_COMPLETION, before.redeem_code)
    if announced:
        await _adopt_revocations(tx, [outcome.enrollment for outcome, before in pairs if before is not None])


async def record_reopening(tx: Transaction, enrollment: Enrollment, event: CompletionConfirmed) -> None:
    """Complete an enrollment that was not completed in time, and emit its event."""
    number = tx.emit(COMPLETION_CONFIRMED, event, lane=enrollment.lane, key=enrollment.participant_id)
    await complete_rejected(tx, enrollment.lane, [event], number)


async def complete_rejected(
    tx: Transaction, lane: int, events: Sequence[CompletionConfirmed], carried_by: int | None = None
) -> None:
    """Complete, as the events say, those of their enrollments that were not completed in time.

    An event of before `reopened_at` was told counts as of now. `carried_by`: the number of the event if there is one,
    and it was emitted here.
    """
    if events:
        outcomes = [_stored_outcome(event.redeem_code, event, carried_by) for event in events]
        reopened_at = [event.reopened_at or tx.now for event in events]
        completed = await reopen_completions(tx.connection, outcomes, reopened_at)
        await count_reopened(tx.connection, [lane] * len(completed))


async def _adopt_revocations(tx: Transaction, enrollments: Sequence[Enrollment]) -> None:
    announced = await load_announced_revocations(tx, {enrollment.participant_id for enrollment in enrollments})
    revoked = [
        RevokedCompletion(enrollment, event)
        for enrollment in enrollments
        if (event := announced.get(enrollment.redeem_code))
    ]
    await record_revocations(tx, revoked, announced)


async def record_revocations(
    tx: Transaction, revoked: Sequence[RevokedCompletion], announced: Mapping[str, CompletionRevoked]
) -> None:
    """Revoke the completions, and emit those events that were not announced before a restore."""
    if not revoked:
        return
    carried_by = {
        enrollment.redeem_code: None
        if enrollment.redeem_code in announced
        else tx.emit(COMPLETION_REVOKED, event, lane=enrollment.lane, key=enrollment.participant_id, trace=trace)
        for enrollment, event, trace in revoked
    }
    await revoke_completions(tx.connection, carried_by)
    counts = Counter((one.enrollment.lane, EnrollmentState.REVOKED) for one in revoked)
    await add_to_state_counts(tx.connection, counts.items())


def confirmation_event(enrollment: Enrollment, completion: Completion) -> CompletionConfirmed:
    """Return the event that names the first pieces of evidence, their number, and the digest of all of them."""
    terms = enrollment.confirmed_terms
    return CompletionConfirmed(
        participant_id=enrollment.participant_id,
        redeem_code=enrollment.redeem_code,
        completed_at=completion.completed_at,
        evidence=tuple(
            EvidenceNamed(
                type=fact.kind, source=fact.source, id=fact.id, happened_at=fact.happened_at, seen_at=fact.seen_at
            )
            for fact in completion.evidence[:MAX_EVIDENCE_NAMED]
        ),
        digest=digest_of(enrollment, completion).hex(),
        scheme=terms.scheme,
        scheme_version=terms.scheme_version,
        evidence_count=len(completion.evidence),
    )


def revocation_event(enrollment: Enrollment, ending: Revocation) -> CompletionRevoked:
    """Return the event that names the evidence without which a completion does not stand, and the digest of all."""
    return CompletionRevoked(
        participant_id=enrollment.participant_id,
        redeem_code=enrollment.redeem_code,
        reason=ending.reason,
        evidence=EvidenceReference(source=ending.origin.source, id=ending.origin.id),
        digest=(enrollment.digest or b"").hex(),
        revoked_at=ending.revoked_at,
    )


def rejection_event(enrollment: Enrollment, incomplete: Incomplete) -> CompletionRejected:
    """Return the event that names the requirements not met."""
    return CompletionRejected(
        participant_id=enrollment.participant_id,
        redeem_code=enrollment.redeem_code,
        reason=NOT_COMPLETED_IN_TIME,
        missing=incomplete.missing,
    )


def _stored_outcome(
    code: str, event: CompletionConfirmed | CompletionRejected | None, carried_by: int | None
) -> StoredOutcome:
    if event is None:
        return StoredOutcome(code, EnrollmentState.VOIDED)
    if isinstance(event, CompletionRejected):
        return StoredOutcome(code, EnrollmentState.NOT_COMPLETED, carried_by=carried_by)
    return StoredOutcome(code, EnrollmentState.COMPLETED, event.completed_at, bytes.fromhex(event.digest), carried_by)


def _emit(tx: Transaction, outcome: EnrollmentOutcome) -> int | None:
    """Emit an outcome and return the number of its event; None for a void, which has none."""
    lane, key = outcome.enrollment.lane, outcome.enrollment.participant_id
    if isinstance(outcome.event, CompletionConfirmed):
        return tx.emit(COMPLETION_CONFIRMED, outcome.event, lane=lane, key=key, trace=outcome.trace)
    if isinstance(outcome.event, CompletionRejected):
        return tx.emit(COMPLETION_REJECTED, outcome.event, lane=lane, key=key, trace=outcome.trace)
    return None
