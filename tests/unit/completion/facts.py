"""A training with all its evidence, to be bent by each test in the one way it is about."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.completion.domain.enrollment import Enrollment, State, Terms
from services.completion.domain.evidence import Evidence, Kind, Statement
from services.completion.domain.judgement import part_that_counts
from services.completion.domain.rule import PostTest, Proof, Rule, Session

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
) -> Rule:
    """Sessions of three hours on consecutive days, from 09:00 in Jakarta on 1 March 2023."""
    starts = [FIRST_START + number * DAY for number in range(len(proofs))]
    return Rule(
        sessions=tuple(
            Session(number, proof, start, start + 3 * HOUR)
            for number, (proof, start) in enumerate(zip(proofs, starts, strict=True), 1)
        ),
        post_test=post_test,
        graded=graded,
        certificate=certificate,
        whole_span=whole_span,
        evidence_days=evidence_days,
        complete_within_days=complete_within_days,
    )


def an_enrollment(rule: Rule | None = None, state: State = State.OPEN) -> Enrollment:
    return Enrollment(CODE, PARTICIPANT, 3, state, Terms(PROVIDER, "normal-2023", 1, rule or a_rule()))


def a_rejected_enrollment() -> Enrollment:
    return an_enrollment()._replace(state=State.REJECTED, terms=None)


def a_statement(kind: Kind, at: datetime, **changes: Any) -> Statement:
    return Statement(kind, CODE, PARTICIPANT, "/lms/pintar", f"{kind}-{at}", at)._replace(**changes)


def attended(sequence: int = 1, proof: Proof = "face", *, at: datetime | None = None) -> Statement:
    start = FIRST_START + (sequence - 1) * DAY
    return a_statement(Kind.SESSION_ATTENDED, at or start, sequence=sequence, proof=proof, source="/attendance/face")


def examined(*, passed: bool = True, at: datetime = LAST_END) -> Statement:
    return a_statement(Kind.POST_TEST_TAKEN, at, passed=passed)


def graded(provider_id: str = PROVIDER, *, at: datetime = LAST_END + HOUR) -> Statement:
    return a_statement(Kind.WORK_GRADED, at, provider_id=provider_id)


def certified(provider_id: str = PROVIDER, *, at: datetime = LAST_END + DAY) -> Statement:
    return a_statement(Kind.CERTIFICATE_ISSUED, at, provider_id=provider_id)


def rated(*, at: datetime = LAST_END + DAY) -> Statement:
    return a_statement(Kind.TRAINING_RATED, at)


def evidence_of(enrollment: Enrollment, *statements: Statement) -> list[Evidence]:
    """What of these statements counts."""
    return [
        Evidence(s.kind, part, s.source, s.id, s.happened_at, SEEN)
        for s in statements
        if (part := part_that_counts(enrollment, s)) is not None
    ]
