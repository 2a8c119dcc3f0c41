"""May a statement be believed, and does it count?"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from services.completion.domain.enrollment import ConfirmedTerms, Enrollment, EnrollmentState
from services.completion.domain.evidence import EvidenceKind, ReportedFact
from services.completion.domain.rule import CompletionRule, RequiredSession

BEFORE_A_SESSION = AFTER_A_SESSION = timedelta(hours=1)
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00Z")
MICROSECOND = timedelta(microseconds=1)


class EvidenceRefusal(StrEnum):
    """Why a statement must not be believed."""

    NOT_YOURS = "not_yours"
    OUT_OF_WINDOW = "out_of_window"


class Rejection(NamedTuple):
    """What is wrong, and in which field of the statement."""

    reason: EvidenceRefusal
    field: str


def check_evidence(enrollment: Enrollment, fact: ReportedFact) -> Rejection | None:
    """Why the statement is refused for this enrollment, None if it is not.

    Whether the enrollment is still open plays no part: a lie about a finished training is a lie.
    """
    if fact.participant_id != enrollment.participant_id:
        return Rejection(EvidenceRefusal.NOT_YOURS, "participant_id")
    if enrollment.terms is None:
        return None
    if fact.provider_id not in (None, enrollment.terms.provider_id):
        return Rejection(EvidenceRefusal.NOT_YOURS, "provider_id")
    if fact.kind is EvidenceKind.SESSION_ATTENDED and enrollment.terms.rule.session(fact.sequence) is None:
        return Rejection(EvidenceRefusal.OUT_OF_WINDOW, "sequence")
    if not is_in_window(enrollment.terms.rule, fact):
        return Rejection(EvidenceRefusal.OUT_OF_WINDOW, "happened_at")
    return None


def is_in_window(rule: CompletionRule, fact: ReportedFact) -> bool:
    """Whether it happened when it can have happened: never, for a session that the enrollment does not have."""
    at, span = fact.happened_at, rule.span
    if fact.kind is not EvidenceKind.SESSION_ATTENDED:
        return span.starts_at <= at < span.evidence_until
    session = rule.session(fact.sequence)
    if session is None:
        return False
    if rule.whole_span:
        return span.starts_at <= at <= span.ends_at
    return session.starts_at - BEFORE_A_SESSION <= at <= session.ends_at + AFTER_A_SESSION


def evidence_part(enrollment: Enrollment, fact: ReportedFact) -> int | None:
    """The part under which the statement becomes evidence; None: taken note of, and it changes nothing."""
    terms = enrollment.terms
    if terms is None or enrollment.state is EnrollmentState.NOT_COMPLETED:
        return None
    if fact.kind is EvidenceKind.TRAINING_RATED:
        return 0
    if enrollment.state is EnrollmentState.COMPLETED:
        return None
    return _part_number(fact) if _counts(terms, fact) else None


def _counts(terms: ConfirmedTerms, fact: ReportedFact) -> bool:
    rule = terms.rule
    match fact.kind:
        case EvidenceKind.SESSION_ATTENDED:
            return _is_proved(rule.session(fact.sequence), fact)
        case EvidenceKind.POST_TEST_TAKEN:
            return rule.post_test == "taken" or (rule.post_test == "passed" and fact.passed is True)
        case EvidenceKind.WORK_GRADED:
            return rule.graded
        case EvidenceKind.CERTIFICATE_ISSUED:
            return rule.certificate
        case EvidenceKind.TRAINING_RATED:
            return True


def _is_proved(session: RequiredSession | None, fact: ReportedFact) -> bool:
    return session is not None and session.proof == fact.proof


def _part_number(fact: ReportedFact) -> int:
    match fact.kind:
        case EvidenceKind.SESSION_ATTENDED:
            return fact.sequence or 0
        case EvidenceKind.POST_TEST_TAKEN | EvidenceKind.WORK_GRADED:
            return (fact.happened_at - EPOCH) // MICROSECOND
        case _:
            return 0
