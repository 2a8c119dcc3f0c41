"""Revocation of evidence: before the decision it ends what it names, after it perhaps the completion."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from services.completion.domain.deferral_kinds import ANNOUNCED_COMPLETION, ENROLLMENT
from services.completion.domain.enrollment import Enrollment, EnrollmentState
from services.completion.domain.evidence import Evidence, EvidenceKind, Origin
from services.completion.domain.revocation import Revocation, find_breaking, replace_revoked
from services.completion.handlers.announced_events import load_announced_outcomes, load_announced_revocations
from services.completion.handlers.evidence import accept_evidence
from services.completion.handlers.outcome import RevokedCompletion, record_revocations, revocation_event
from services.completion.store.enrollments import load_enrollments
from services.completion.store.evidence import load_evidence, load_spares, replace_evidence
from services.completion.store.revocations import StoredRevocation, insert_revocations, load_revocations
from shared.contracts.completion import CompletionConfirmed, CompletionRejected, CompletionRevoked
from shared.contracts.park_reasons import ParkReason
from shared.contracts.topics import TRAINING_ATTENDANCE
from shared.contracts.upstream import EvidenceRevoked
from shared.messaging.message import Message
from shared.messaging.transaction.transaction import Transaction


class RevokedEvents(NamedTuple):
    """Events of one enrollment that are revoked: those known before, and the messages that revoke further ones.

    `announced` is its outcome, if that was announced before a restore.
    """

    enrollment: Enrollment
    known: frozenset[Origin]
    further: dict[Origin, Message[EvidenceRevoked]]
    announced: CompletionConfirmed | CompletionRejected | None

    @property
    def code(self) -> str:
        return self.enrollment.redeem_code

    @property
    def revocations(self) -> list[Revocation]:
        """The further revocations, in the order in which they came."""
        return [Revocation(origin, one.data.reason, one.data.revoked_at) for origin, one in self.further.items()]


async def process_evidence(
    trusted_source: str, tx: Transaction, messages: Sequence[Message[EvidenceRevoked] | Message[Any]]
) -> None:
    """Accept evidence and its revocations.

    A batch counts as one moment: what is revoked in it completes nothing, and what comes in it may stand in for what is
    revoked of a completion.
    """
    revocations = [message for message in messages if isinstance(message.data, EvidenceRevoked)]
    if not revocations:
        await accept_evidence(trusted_source, tx, messages)
        return
    revoked = await _load_known(tx, await _accept(trusted_source, tx, revocations))
    of_completions = [one for one in revoked if one.enrollment.state is EnrollmentState.COMPLETED]
    await _revoke(tx, [one for one in revoked if one not in of_completions])
    if evidence := [message for message in messages if not isinstance(message.data, EvidenceRevoked)]:
        await accept_evidence(trusted_source, tx, evidence)
    await _revoke(tx, of_completions)


async def _revoke(tx: Transaction, revoked: Sequence[RevokedEvents]) -> None:
    """Store new revocations, and act on them as the state of each enrollment demands.

    In an open one, what is revoked ends as evidence, and spares count in its place. A completion is revoked if too
    little is left for it. In any other state nothing changes.
    """
    if not revoked:
        return
    codes = [one.code for one in revoked]
    evidence, spares = await load_evidence(tx.connection, codes), await load_spares(tx.connection, codes)
    open_ones = [one for one in revoked if one.enrollment.state is EnrollmentState.OPEN]
    await replace_evidence(
        tx.connection,
        [
            (one.code, replace_revoked(evidence[one.code], spares[one.code], one.known | one.further.keys()))
            for one in open_ones
        ],
    )
    announced = await load_announced_revocations(tx, {one.enrollment.participant_id for one in revoked})
    endings = {
        one.code: _ending(one, [*evidence[one.code], *spares[one.code]], announced.get(one.code)) for one in revoked
    }
    stored = [
        StoredRevocation(one.code, revocation, revocation == endings[one.code], tx.now)
        for one in revoked
        for revocation in one.revocations
    ]
    await insert_revocations(tx.connection, stored)
    await record_revocations(
        tx,
        [
            RevokedCompletion(
                one.enrollment, revocation_event(one.enrollment, ending), one.further[ending.origin].trace
            )
            for one in revoked
            if one.enrollment.state is EnrollmentState.COMPLETED and (ending := endings[one.code])
        ],
        announced,
    )


async def _accept(
    trusted_source: str, tx: Transaction, messages: Sequence[Message[EvidenceRevoked]]
) -> list[RevokedEvents]:
    """Park, defer or ignore what changes nothing; return the others by enrollment."""
    enrollments = await load_enrollments(tx.connection, {message.data.redeem_code for message in messages})
    announced = await load_announced_outcomes(tx, {message.data.participant_id for message in messages})
    accepted: dict[str, RevokedEvents] = {}
    for message in messages:
        code, on_attendance = message.data.redeem_code, message.record.topic == TRAINING_ATTENDANCE
        enrollment = enrollments.get(code)
        if on_attendance and not message.source.startswith(trusted_source):
            tx.park(message, ParkReason.NOT_YOURS, "ce_source")
        elif enrollment is None:
            tx.defer(message, ENROLLMENT, code)
        elif enrollment.participant_id != message.data.participant_id:
            tx.park(message, ParkReason.NOT_YOURS, "/participant_id")
        elif enrollment.state is EnrollmentState.OPEN and isinstance(announced.get(code), CompletionConfirmed):
            tx.defer(message, ANNOUNCED_COMPLETION, code)
        elif enrollment.terms is not None:
            origin = Origin(on_attendance, message.data.evidence.source, message.data.evidence.id)
            revoked = RevokedEvents(enrollment, frozenset(), {}, announced.get(code))
            accepted.setdefault(code, revoked).further.setdefault(origin, message)
    return list(accepted.values())


async def _load_known(tx: Transaction, accepted: Sequence[RevokedEvents]) -> list[RevokedEvents]:
    """Return those with events that are not known to be revoked, and with all that are."""
    if not accepted:
        return []
    stored = await load_revocations(tx.connection, [one.code for one in accepted])
    known = {code: frozenset(one.revocation.origin for one in of_code) for code, of_code in stored.items()}
    new = [
        one._replace(
            known=known[one.code],
            further={origin: message for origin, message in one.further.items() if origin not in known[one.code]},
        )
        for one in accepted
    ]
    return [one for one in new if one.further]


def _ending(one: RevokedEvents, facts: Sequence[Evidence], announced: CompletionRevoked | None) -> Revocation | None:
    """Return the revocation that ends a completion, the one announced before a restore if that is among them."""
    if announced:
        named = (announced.evidence.source, announced.evidence.id)
        for revocation in one.revocations:
            if revocation.origin[1:] == named:
                return revocation
    if one.enrollment.state is not EnrollmentState.COMPLETED or _is_untouched(one):
        return None
    return find_breaking(one.enrollment.rule, facts, one.known, one.revocations)


def _is_untouched(one: RevokedEvents) -> bool:
    """Return True if a completion announced before a restore names all its evidence, and none of that is revoked.

    Then it stands, though that evidence may not have been read again yet.
    """
    event = one.announced
    if not isinstance(event, CompletionConfirmed) or event.evidence_count not in (None, len(event.evidence)):
        return False
    named = {Origin(EvidenceKind(fact.type).is_attendance, fact.source, fact.id) for fact in event.evidence}
    return named.isdisjoint(one.known | one.further.keys())
