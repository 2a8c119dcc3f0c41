"""The check of reported facts: whether a fact is accepted, and whether it counts."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from services.completion.domain.enrollment import Enrollment, EnrollmentState
from services.completion.domain.evidence import EvidenceKind, ReportedFact
from services.completion.domain.evidence_kinds import KIND_RULES, WindowRule, is_demanded, part_of
from services.completion.domain.rule import CompletionRule

DECIDED = (EnrollmentState.COMPLETED, EnrollmentState.NOT_COMPLETED)
BEFORE_A_SESSION = AFTER_A_SESSION = timedelta(hours=1)


class EvidenceRefusal(StrEnum):
    """Reason why a reported fact is not accepted."""

    NOT_YOURS = "not_yours"
    OUT_OF_WINDOW = "out_of_window"


@dataclass(frozen=True, slots=True)
class EvidenceRefused:
    """The reason of a rejection, and the field of the fact that is wrong."""

    reason: EvidenceRefusal
    field: str


def check_evidence(enrollment: Enrollment, fact: ReportedFact) -> EvidenceRefused | None:
    """Return why the fact is not accepted for this enrollment, None if it is.

    Final enrollments are checked like open ones; of a rejected one, which has no terms, only the participant is.
    """
    if fact.participant_id != enrollment.participant_id:
        return EvidenceRefused(EvidenceRefusal.NOT_YOURS, "participant_id")
    if enrollment.terms is None:
        return None
    if fact.provider_id not in (None, enrollment.terms.provider_id):
        return EvidenceRefused(EvidenceRefusal.NOT_YOURS, "provider_id")
    out_of_window = _field_out_of_window(enrollment.terms.rule, fact)
    return EvidenceRefused(EvidenceRefusal.OUT_OF_WINDOW, out_of_window) if out_of_window else None


def _field_out_of_window(rule: CompletionRule, fact: ReportedFact) -> str | None:
    """Return the wrong field, None inside the window; `sequence` if there is no such session."""
    at, span = fact.happened_at, rule.span
    if KIND_RULES[fact.kind].window is WindowRule.EVIDENCE_SPAN:
        return None if span.starts_at <= at < span.evidence_until else "happened_at"
    session = rule.session(fact.sequence)
    if session is None:
        return "sequence"
    if rule.whole_span:
        return None if span.starts_at <= at <= span.ends_at else "happened_at"
    is_inside = session.starts_at - BEFORE_A_SESSION <= at <= session.ends_at + AFTER_A_SESSION
    return None if is_inside else "happened_at"


def evidence_part(enrollment: Enrollment, fact: ReportedFact) -> int | None:
    """Return the part of an accepted fact that is as the rule demands it, None if it can never count."""
    terms, kind_rule = enrollment.terms, KIND_RULES[fact.kind]
    if terms is None or enrollment.state is EnrollmentState.VOIDED:
        return None
    if kind_rule.demanded_by is None:
        return part_of(fact)
    counts = is_demanded(terms.rule, kind_rule) and kind_rule.satisfies(terms.rule, fact)
    return part_of(fact) if counts else None


def is_in_time(enrollment: Enrollment, kind: EvidenceKind) -> bool:
    """Return False if the enrollment was decided before: such a fact is kept as a spare, and decides nothing."""
    if enrollment.state in DECIDED:
        return KIND_RULES[kind].counts_after_decision
    return enrollment.state is EnrollmentState.OPEN
