"""Intake of evidence: checks and stores it, and announces each completion and rating once."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from services.completion.domain.completion import Completion, decide_completion
from services.completion.domain.deferral_kinds import ENROLLMENT
from services.completion.domain.enrollment import Enrollment, EnrollmentState
from services.completion.domain.evidence import Evidence, EvidenceKind
from services.completion.domain.evidence_check import EvidenceRefused, check_evidence, evidence_part, is_in_time
from services.completion.domain.evidence_kinds import pieces_demanded
from services.completion.handlers.announced_events import load_announced_ratings
from services.completion.handlers.evidence_sources import SOURCE_OF, map_evidence
from services.completion.handlers.outcome import EnrollmentOutcome, confirmation_event, record_outcomes
from services.completion.store.enrollments import load_enrollments
from services.completion.store.evidence import (
    EvidenceKey,
    insert_evidence,
    insert_spares,
    load_known_events,
    load_possibly_sufficient_evidence,
)
from shared.contracts import completion
from shared.contracts.park_reasons import ParkReason
from shared.messaging.message import Message
from shared.messaging.transaction.transaction import Transaction

PIECES_AT_ONCE = 50_000


# A NamedTuple: one is made per record that counts.
class Accepted(NamedTuple):
    """A message whose fact is accepted for this enrollment."""

    message: Message[Any]
    enrollment: Enrollment
    evidence: Evidence

    @property
    def key(self) -> EvidenceKey:
        return self.enrollment.redeem_code, self.evidence.kind.value, self.evidence.part

    @property
    def row(self) -> tuple[str, Evidence]:
        return self.enrollment.redeem_code, self.evidence


async def accept_evidence(trusted_source: str, tx: Transaction, messages: Sequence[Message[Any]]) -> None:
    """Store evidence that counts, confirm the completions that it brings about, and emit ratings.

    Attendance is accepted only from sources that begin with `trusted_source`: the programme's, not the provider's.
    """
    accepted = await _accept(trusted_source, tx, messages)
    await _record_completions(tx, [one for one in accepted if one.evidence.kind is not EvidenceKind.TRAINING_RATED])


async def _record_completions(tx: Transaction, accepted: Sequence[Accepted]) -> None:
    last = {one.enrollment.redeem_code: one for one in accepted if one.enrollment.state is EnrollmentState.OPEN}
    outcomes = []
    for demanded in _in_portions({code: pieces_demanded(one.enrollment.rule) for code, one in last.items()}):
        evidence = await load_possibly_sufficient_evidence(tx.connection, demanded)
        for code, facts in evidence.items():
            one, outcome = last[code], decide_completion(last[code].enrollment.rule, facts)
            if isinstance(outcome, Completion):
                event = confirmation_event(one.enrollment, outcome)
                outcomes.append(EnrollmentOutcome(one.enrollment, event, one.message.trace))
    await record_outcomes(tx, outcomes)


def _in_portions(demanded: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Yield enrollments that demand at most `PIECES_AT_ONCE` together; ordinary batches are one portion."""
    portion: dict[str, int] = {}
    pieces = 0
    for code, number in demanded.items():
        if portion and pieces + number > PIECES_AT_ONCE:
            yield portion
            portion, pieces = {}, 0
        portion[code] = number
        pieces += number
    if portion:
        yield portion


async def _emit_ratings(tx: Transaction, ratings: Sequence[Accepted]) -> dict[str, int | None]:
    """Emit ratings that were not announced before a restore; return the numbers of the events by redeem code.

    It matters not whether the training is completed yet.
    """
    if not ratings:
        return {}
    announced = await load_announced_ratings(tx, {one.enrollment.participant_id for one in ratings})
    return {
        one.enrollment.redeem_code: _emit_rating(tx, one)
        for one in ratings
        if one.enrollment.redeem_code not in announced
    }


def _emit_rating(tx: Transaction, one: Accepted) -> int | None:
    message, person = one.message, one.enrollment.participant_id
    rated = completion.TrainingRated(
        participant_id=person,
        redeem_code=one.enrollment.redeem_code,
        stars=message.data.stars,
        rated_at=message.data.rated_at,
    )
    return tx.emit(completion.TRAINING_RATED, rated, lane=one.enrollment.lane, key=person, trace=message.trace)


async def _accept(trusted_source: str, tx: Transaction, messages: Sequence[Message[Any]]) -> list[Accepted]:
    """Park, defer or ignore what does not count; return the messages that became evidence by this call."""
    facts = [map_evidence(message) for message in messages]
    enrollments = await load_enrollments(tx.connection, {fact.redeem_code for fact in facts})
    accepted: list[Accepted] = []
    for message, fact in zip(messages, facts, strict=True):
        enrollment = enrollments.get(fact.redeem_code)
        if fact.kind.is_attendance and not fact.source.startswith(trusted_source):
            tx.park(message, ParkReason.NOT_YOURS, "ce_source")
        elif enrollment is None:
            tx.defer(message, ENROLLMENT, fact.redeem_code)
        elif refused := check_evidence(enrollment, fact):
            tx.park(message, ParkReason(refused.reason), _pointer(message, refused))
        elif (part := evidence_part(enrollment, fact)) is not None:
            evidence = Evidence(fact.kind, part, fact.source, fact.id, fact.happened_at, tx.now)
            accepted.append(Accepted(message, enrollment, evidence))
    return await _store(tx, accepted) if accepted else []


async def _store(tx: Transaction, accepted: Sequence[Accepted]) -> list[Accepted]:
    """Store the first event of each business key as evidence, others as spares; return the former. Emit ratings.

    What was revoked, or comes after the decision, is a spare as well.
    """
    keys = [one.key for one in accepted]
    holders, revoked = await load_known_events(tx.connection, keys)
    counting: list[Accepted] = []
    spares: list[Accepted] = []
    for one, key in zip(accepted, keys, strict=True):
        origin, holder = one.evidence.origin, holders.get(key)
        if origin == holder:
            continue
        is_revoked = bool(revoked) and (one.enrollment.redeem_code, origin) in revoked
        if holder is None and not is_revoked and is_in_time(one.enrollment, one.evidence.kind):
            holders[key] = origin
            counting.append(one)
        else:
            spares.append(one)
    if counting:
        ratings = [one for one in counting if one.evidence.kind is EvidenceKind.TRAINING_RATED]
        await insert_evidence(tx.connection, [one.row for one in counting], await _emit_ratings(tx, ratings))
    if spares:
        await insert_spares(tx.connection, [one.row for one in spares])
    return counting


def _pointer(message: Message[Any], refused: EvidenceRefused) -> str:
    return f"/{SOURCE_OF[message.type].time_field if refused.field == 'happened_at' else refused.field}"
