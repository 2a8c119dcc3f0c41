"""Evidence comes in any order and any number of times; what completes a training says so once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.completion.domain.completion import Completion, decide_completion
from services.completion.domain.enrollment import Enrollment, State
from services.completion.domain.evidence import Evidence, Statement
from services.completion.domain.judgement import Refusal, part_that_counts, refuse
from services.completion.handlers import ENROLLMENT
from services.completion.handlers.concluding import Conclusion, conclude, confirmed
from services.completion.handlers.statements import attendance, rating
from services.completion.store import insert_evidence, load_enrollments, load_evidence_that_may_suffice, load_said
from shared.contracts import completion
from shared.contracts.reasons import ParkReason
from shared.contracts.upstream import EVENTS, SessionAttended, TrainingRated
from shared.messaging.message import Message
from shared.messaging.transaction import Transaction

T = TypeVar("T")

TIME_FIELDS = {event.name: event.happened for event in EVENTS}


@dataclass(frozen=True, slots=True)
class Accepted(Generic[T]):
    """A message whose statement has become evidence for this enrollment: the first of its business key."""

    message: Message[T]
    enrollment: Enrollment


async def take_attendance(believed: str, tx: Transaction, messages: Sequence[Message[SessionAttended]]) -> None:
    """Attendance is believed only from sources that begin with `believed`: the programme looks, not the provider."""
    ours = [message for message in messages if message.source.startswith(believed)]
    for message in messages:
        if not message.source.startswith(believed):
            tx.park(message, ParkReason.NOT_YOURS, "ce_source")
    await take_evidence(attendance, tx, ours)


async def take_evidence(
    statement_of: Callable[[Message[T]], Statement], tx: Transaction, messages: Sequence[Message[T]]
) -> None:
    """Keeps what counts, and confirms the completions that it brings about."""
    accepted = await _accept(statement_of, tx, messages)
    last = {one.enrollment.redeem_code: one for one in accepted if one.enrollment.state is State.OPEN}
    if not last:
        return
    demands = {code: one.enrollment.rule.demands for code, one in last.items()}
    evidence = await load_evidence_that_may_suffice(tx.connection, demands)
    outcomes = ((last[code], decide_completion(last[code].enrollment.rule, facts)) for code, facts in evidence.items())
    await conclude(
        tx,
        [
            Conclusion(one.enrollment, confirmed(one.enrollment, outcome), one.message.trace)
            for one, outcome in outcomes
            if isinstance(outcome, Completion)
        ],
    )


async def take_ratings(tx: Transaction, messages: Sequence[Message[TrainingRated]]) -> None:
    """A rating is announced when it is first accepted, before the completion or after it."""
    accepted = await _accept(rating, tx, messages)
    if not accepted:
        return
    said = await load_said(tx.connection, [one.enrollment.redeem_code for one in accepted])
    for message, enrollment in ((one.message, one.enrollment) for one in accepted):
        if (enrollment.redeem_code, completion.TRAINING_RATED.name) in said:
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


async def _accept(
    statement_of: Callable[[Message[T]], Statement], tx: Transaction, messages: Sequence[Message[T]]
) -> list[Accepted[T]]:
    """Refuses, sets aside, takes note; answers what has become evidence by this call."""
    if not messages:
        return []
    statements = [statement_of(message) for message in messages]
    enrollments = await load_enrollments(tx.connection, {statement.redeem_code for statement in statements})
    counting: dict[tuple[str, str, int], tuple[Accepted[T], Evidence]] = {}
    for message, statement in zip(messages, statements, strict=True):
        enrollment = enrollments.get(statement.redeem_code)
        if enrollment is None:
            tx.wait(message, ENROLLMENT, statement.redeem_code)
        elif refusal := refuse(enrollment, statement):
            tx.park(message, ParkReason(refusal.reason), _pointer(message, refusal))
        elif (part := part_that_counts(enrollment, statement)) is not None:
            evidence = _evidence(tx, statement, part)
            key = (enrollment.redeem_code, evidence.kind.value, part)
            counting.setdefault(key, (Accepted(message, enrollment), evidence))
    if not counting:
        return []
    rows = [(one.enrollment.redeem_code, evidence) for one, evidence in counting.values()]
    first = await insert_evidence(tx.connection, rows, tx.now)
    return [one for key, (one, _) in counting.items() if key in first]


def _evidence(tx: Transaction, statement: Statement, part: int) -> Evidence:
    return Evidence(statement.kind, part, statement.source, statement.id, statement.happened_at, tx.now)


def _pointer(message: Message[T], refusal: Refusal) -> str:
    return f"/{TIME_FIELDS[message.type] if refusal.field == 'happened_at' else refusal.field}"
