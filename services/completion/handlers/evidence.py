"""Evidence comes in any order and any number of times; what completes a training says so once."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from services.completion.domain.completion import Completion, decide_completion
from services.completion.domain.enrollment import Enrollment, State
from services.completion.domain.evidence import Evidence, Kind, Statement
from services.completion.domain.judgement import Refusal, part_that_counts, refuse
from services.completion.handlers import ENROLLMENT
from services.completion.handlers.adopting import ratings_said
from services.completion.handlers.concluding import Conclusion, conclude, confirmed
from services.completion.handlers.statements import statement_of
from services.completion.store import insert_evidence, load_enrollments, load_evidence_that_may_suffice
from shared.contracts import completion
from shared.contracts.reasons import ParkReason
from shared.contracts.upstream import EVENTS
from shared.messaging.message import Message
from shared.messaging.transaction import Transaction

TIME_FIELDS = {event.name: event.happened for event in EVENTS}
PIECES_AT_ONCE = 50_000


class Accepted(NamedTuple):
    """A message whose statement has become evidence for this enrollment: the first of its business key."""

    message: Message[Any]
    enrollment: Enrollment
    evidence: Evidence


async def take_evidence(believed: str, tx: Transaction, messages: Sequence[Message[Any]]) -> None:
    """Keeps what counts, confirms the completions that it brings about, and announces ratings.

    Attendance is believed only from sources that begin with `believed`: the programme looks, not the provider.
    """
    accepted = await _accept(believed, tx, messages)
    ratings = [one for one in accepted if one.evidence.kind is Kind.TRAINING_RATED]
    await _conclude(tx, [one for one in accepted if one.evidence.kind is not Kind.TRAINING_RATED])
    await _announce_ratings(tx, ratings)


async def _conclude(tx: Transaction, accepted: Sequence[Accepted]) -> None:
    last = {one.enrollment.redeem_code: one for one in accepted if one.enrollment.state is State.OPEN}
    conclusions = []
    for demands in _in_portions({code: one.enrollment.rule.demands for code, one in last.items()}):
        evidence = await load_evidence_that_may_suffice(tx.connection, demands)
        for code, facts in evidence.items():
            one, outcome = last[code], decide_completion(last[code].enrollment.rule, facts)
            if isinstance(outcome, Completion):
                conclusions.append(Conclusion(one.enrollment, confirmed(one.enrollment, outcome), one.message.trace))
    await conclude(tx, conclusions)


def _in_portions(demands: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Yield enrollments whose evidence is held at once; a batch of ordinary trainings is one portion."""
    portion: dict[str, int] = {}
    pieces = 0
    for code, number in demands.items():
        if portion and pieces + number > PIECES_AT_ONCE:
            yield portion
            portion, pieces = {}, 0
        portion[code] = number
        pieces += number
    if portion:
        yield portion


async def _announce_ratings(tx: Transaction, ratings: Sequence[Accepted]) -> None:
    """A rating is announced when it is first accepted, before the completion or after it."""
    if not ratings:
        return
    said = await ratings_said(tx, {one.enrollment.participant_id for one in ratings})
    for message, enrollment in ((one.message, one.enrollment) for one in ratings):
        if enrollment.redeem_code in said:
            continue
        rated = completion.TrainingRated(
            participant_id=enrollment.participant_id,
            redeem_code=enrollment.redeem_code,
            stars=message.data.stars,
            rated_at=message.data.rated_at,
        )
        tx.announce(
            completion.TRAINING_RATED, rated, lane=enrollment.lane, key=enrollment.participant_id, trace=message.trace
        )


async def _accept(believed: str, tx: Transaction, messages: Sequence[Message[Any]]) -> list[Accepted]:
    """Refuses, sets aside, takes note; answers what has become evidence by this call."""
    statements = [statement_of(message) for message in messages]
    enrollments = await load_enrollments(tx.connection, {statement.redeem_code for statement in statements})
    counting: dict[tuple[str, str, int], Accepted] = {}
    for message, statement in zip(messages, statements, strict=True):
        enrollment = enrollments.get(statement.redeem_code)
        if statement.kind is Kind.SESSION_ATTENDED and not statement.source.startswith(believed):
            tx.park(message, ParkReason.NOT_YOURS, "ce_source")
        elif enrollment is None:
            tx.wait(message, ENROLLMENT, statement.redeem_code)
        elif refusal := refuse(enrollment, statement):
            tx.park(message, ParkReason(refusal.reason), _pointer(message, refusal))
        elif (part := part_that_counts(enrollment, statement)) is not None:
            evidence = _evidence(tx, statement, part)
            key = (enrollment.redeem_code, evidence.kind.value, part)
            counting.setdefault(key, Accepted(message, enrollment, evidence))
    if not counting:
        return []
    rows = [(one.enrollment.redeem_code, one.evidence) for one in counting.values()]
    first = await insert_evidence(tx.connection, rows, tx.now)
    return [one for key, one in counting.items() if key in first]


def _evidence(tx: Transaction, statement: Statement, part: int) -> Evidence:
    return Evidence(statement.kind, part, statement.source, statement.id, statement.happened_at, tx.now)


def _pointer(message: Message[Any], refusal: Refusal) -> str:
    return f"/{TIME_FIELDS[message.type] if refusal.field == 'happened_at' else refusal.field}"
