"""A training with all its evidence; each test changes the one thing that it is about."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.completion.domain.enrollment import ConfirmedTerms, Enrollment, EnrollmentState
from services.completion.domain.evidence import Evidence, EvidenceKind, ReportedFact
from services.completion.domain.evidence_check import evidence_part
from services.completion.domain.rule import CompletionRule, PostTest, Proof, RequiredSession

PARTICIPANT = "4810000000000017"
CODE = "PRAT0AB12CD3"
PROVIDER = "LP0001"
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
FIRST_START = datetime(2023, 3, 1, 2, 0, tzinfo=UTC)
LAST_END = datetime(2023, 3, 2, 5, 0, tzinfo=UTC)
SEEN = datetime(2023, 3, 10, tzinfo=UTC)


def a_rule(
    proofs: tuple[Proof, ...] = ("face", "face"),
    *,
    post_test: PostTest | None = "passed",
    graded: bool = True,
    certificate: bool = False,
    whole_span: bool = False,
    evidence_days: int = 30,
    complete_within_days: int = 30,
    sessions_at_least: int | None = None,
) -> CompletionRule:
    """Sessions of three hours on consecutive days, from 09:00 in Jakarta on 1 March 2023."""
    starts = [FIRST_START + number * DAY for number in range(len(proofs))]
    return CompletionRule(
        sessions=tuple(
            RequiredSession(number, proof, start, start + 3 * HOUR)
            for number, (proof, start) in enumerate(zip(proofs, starts, strict=True), 1)
        ),
        post_test=post_test,
        graded=graded,
        certificate=certificate,
        whole_span=whole_span,
        evidence_days=evidence_days,
        complete_within_days=complete_within_days,
        sessions_at_least=sessions_at_least,
    )


def an_enrollment(rule: CompletionRule | None = None, state: EnrollmentState = EnrollmentState.OPEN) -> Enrollment:
    return Enrollment(CODE, PARTICIPANT, 3, state, ConfirmedTerms(PROVIDER, "normal-2023", 1, rule or a_rule()))


def a_rejected_enrollment() -> Enrollment:
    return an_enrollment()._replace(state=EnrollmentState.REJECTED, terms=None)


def reported_fact(kind: EvidenceKind, at: datetime, **changes: Any) -> ReportedFact:
    return ReportedFact(kind, CODE, PARTICIPANT, "/lms/pintar", f"{kind}-{at}", at)._replace(**changes)


def attended(sequence: int = 1, proof: Proof = "face", *, at: datetime | None = None) -> ReportedFact:
    start = FIRST_START + (sequence - 1) * DAY
    return reported_fact(
        EvidenceKind.SESSION_ATTENDED, at or start, sequence=sequence, proof=proof, source="/attendance/face"
    )


def examined(*, passed: bool = True, at: datetime = LAST_END) -> ReportedFact:
    return reported_fact(EvidenceKind.POST_TEST_TAKEN, at, passed=passed)


def graded(provider_id: str = PROVIDER, *, at: datetime = LAST_END + HOUR) -> ReportedFact:
    return reported_fact(EvidenceKind.WORK_GRADED, at, provider_id=provider_id)


def certified(provider_id: str = PROVIDER, *, at: datetime = LAST_END + DAY) -> ReportedFact:
    return reported_fact(EvidenceKind.CERTIFICATE_ISSUED, at, provider_id=provider_id)


def rated(*, at: datetime = LAST_END + DAY) -> ReportedFact:
    return reported_fact(EvidenceKind.TRAINING_RATED, at)


def evidence_of(enrollment: Enrollment, *facts: ReportedFact) -> list[Evidence]:
    """Return the facts that count, as evidence."""
    return [
        Evidence(fact.kind, part, fact.source, fact.id, fact.happened_at, SEEN)
        for fact in facts
        if (part := evidence_part(enrollment, fact)) is not None
    ]
