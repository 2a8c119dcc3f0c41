"""The one place where an open enrollment becomes final, and where that is said."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from services.completion.domain.completion import Completion, Incomplete, digest_of
from services.completion.domain.enrollment import Enrollment, State
from services.completion.handlers.adopting import outcomes_said
from services.completion.store import Decision, add_to_tally, decide_enrollments
from shared.contracts.completion import (
    COMPLETION_CONFIRMED,
    COMPLETION_REJECTED,
    NAMED_AT_MOST,
    CompletionConfirmed,
    CompletionRejected,
    EvidenceNamed,
)
from shared.messaging.transaction import Transaction

NOT_COMPLETED_IN_TIME = "not_completed_in_time"


class Conclusion(NamedTuple):
    """What is to be said about an open enrollment."""

    enrollment: Enrollment
    word: CompletionConfirmed | CompletionRejected
    trace: str | None = None


async def conclude(tx: Transaction, conclusions: Sequence[Conclusion]) -> None:
    """Makes them final and says so. What had been said before a restore is taken over, and not said again."""
    if not conclusions:
        return
    said = await outcomes_said(tx, {conclusion.enrollment.participant_id for conclusion in conclusions})
    words = [(conclusion, said.get(conclusion.enrollment.redeem_code)) for conclusion in conclusions]
    decisions = [_decision(before or conclusion.word) for conclusion, before in words]
    await decide_enrollments(tx.connection, decisions, tx.now)
    lanes = [conclusion.enrollment.lane for conclusion in conclusions]
    states = [decision.state for decision in decisions]
    await add_to_tally(tx.connection, Counter(zip(lanes, states, strict=True)).items())
    for conclusion, before in words:
        if before is None:
            _announce(tx, conclusion)


def confirmed(enrollment: Enrollment, completion: Completion) -> CompletionConfirmed:
    """Return the event that names the first pieces of evidence, how many there are, and the digest of all."""
    terms = enrollment.confirmed_terms
    return CompletionConfirmed(
        participant_id=enrollment.participant_id,
        redeem_code=enrollment.redeem_code,
        completed_at=completion.completed_at,
        evidence=tuple(
            EvidenceNamed(
                type=fact.kind, source=fact.source, id=fact.id, happened_at=fact.happened_at, seen_at=fact.seen_at
            )
            for fact in completion.evidence[:NAMED_AT_MOST]
        ),
        digest=digest_of(enrollment, completion).hex(),
        scheme=terms.scheme,
        scheme_version=terms.scheme_version,
        evidence_count=len(completion.evidence),
    )


def rejected(enrollment: Enrollment, incomplete: Incomplete) -> CompletionRejected:
    """The word that names what is missing."""
    return CompletionRejected(
        participant_id=enrollment.participant_id,
        redeem_code=enrollment.redeem_code,
        reason=NOT_COMPLETED_IN_TIME,
        missing=incomplete.missing,
    )


def _decision(word: CompletionConfirmed | CompletionRejected) -> Decision:
    if isinstance(word, CompletionRejected):
        return Decision(word.redeem_code, State.NOT_COMPLETED)
    return Decision(word.redeem_code, State.COMPLETED, word.completed_at, bytes.fromhex(word.digest))


def _announce(tx: Transaction, conclusion: Conclusion) -> None:
    lane, key = conclusion.enrollment.lane, conclusion.enrollment.participant_id
    if isinstance(conclusion.word, CompletionConfirmed):
        tx.announce(COMPLETION_CONFIRMED, conclusion.word, lane=lane, key=key, trace=conclusion.trace)
    else:
        tx.announce(COMPLETION_REJECTED, conclusion.word, lane=lane, key=key, trace=conclusion.trace)
