"""May a statement be believed, and does it count?"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from services.completion.domain.enrollment import Enrollment, State, Terms
from services.completion.domain.evidence import Kind, Statement
from services.completion.domain.rule import Rule, Session

BEFORE_A_SESSION = AFTER_A_SESSION = timedelta(hours=1)
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00Z")
MICROSECOND = timedelta(microseconds=1)


class Wrong(StrEnum):
    """Why a statement must not be believed."""

    NOT_YOURS = "not_yours"
    OUT_OF_WINDOW = "out_of_window"


class Refusal(NamedTuple):
    """What is wrong, and in which field of the statement."""

    reason: Wrong
    field: str


def refuse(enrollment: Enrollment, statement: Statement) -> Refusal | None:
    """Why the statement is refused for this enrollment, None if it is not.

    Whether the enrollment is still open plays no part: a lie about a finished training is a lie.
    """
    if statement.participant_id != enrollment.participant_id:
        return Refusal(Wrong.NOT_YOURS, "participant_id")
    if enrollment.terms is None:
        return None
    if statement.provider_id not in (None, enrollment.terms.provider_id):
        return Refusal(Wrong.NOT_YOURS, "provider_id")
    if statement.kind is Kind.SESSION_ATTENDED and enrollment.terms.rule.session(statement.sequence) is None:
        return Refusal(Wrong.OUT_OF_WINDOW, "sequence")
    if not is_in_window(enrollment.terms.rule, statement):
        return Refusal(Wrong.OUT_OF_WINDOW, "happened_at")
    return None


def is_in_window(rule: Rule, statement: Statement) -> bool:
    """Whether it happened when it can have happened: never, for a session that the enrollment does not have."""
    at, span = statement.happened_at, rule.span
    if statement.kind is not Kind.SESSION_ATTENDED:
        return span.starts_at <= at < span.evidence_until
    session = rule.session(statement.sequence)
    if session is None:
        return False
    if rule.whole_span:
        return span.starts_at <= at <= span.ends_at
    return session.starts_at - BEFORE_A_SESSION <= at <= session.ends_at + AFTER_A_SESSION


def part_that_counts(enrollment: Enrollment, statement: Statement) -> int | None:
    """The part under which the statement becomes evidence; None: taken note of, and it changes nothing."""
    terms = enrollment.terms
    if terms is None or enrollment.state is State.NOT_COMPLETED:
        return None
    if statement.kind is Kind.TRAINING_RATED:
        return 0
    if enrollment.state is State.COMPLETED:
        return None
    return _part(statement) if _counts(terms, statement) else None


def _counts(terms: Terms, statement: Statement) -> bool:
    rule = terms.rule
    match statement.kind:
        case Kind.SESSION_ATTENDED:
            return _is_proved(rule.session(statement.sequence), statement)
        case Kind.POST_TEST_TAKEN:
            return rule.post_test == "taken" or (rule.post_test == "passed" and statement.passed is True)
        case Kind.WORK_GRADED:
            return rule.graded
        case Kind.CERTIFICATE_ISSUED:
            return rule.certificate
        case Kind.TRAINING_RATED:
            return True


def _is_proved(session: Session | None, statement: Statement) -> bool:
    return session is not None and session.proof == statement.proof


def _part(statement: Statement) -> int:
    match statement.kind:
        case Kind.SESSION_ATTENDED:
            return statement.sequence or 0
        case Kind.POST_TEST_TAKEN | Kind.WORK_GRADED:
            return (statement.happened_at - EPOCH) // MICROSECOND
        case _:
            return 0
