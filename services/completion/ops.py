"""Views for operators: the audit trail of one participant, and enrollments by state."""

from datetime import datetime

from asyncpg import Connection

from services.completion.domain.completion import Completion, Incomplete, decide_completion
from services.completion.domain.enrollment import Enrollment, EnrollmentState
from services.completion.domain.evidence import Evidence
from services.completion.domain.survey import SurveyAnswer
from services.completion.store.enrollments import load_enrollments_of_participant
from services.completion.store.evidence import load_evidence
from services.completion.store.state_counts import load_state_counts
from services.completion.store.surveys import load_surveys_of_participant
from shared.runtime.definition import Gauge
from shared.times import write_time


async def audit_trail(connection: Connection, participant_id: str) -> dict[str, object] | None:
    """Return a participant's surveys, and enrollments with evidence and what is missing; None without enrollment.

    `rests_on` is all the evidence of a completion, in the order of its digest.
    """
    enrollments = await load_enrollments_of_participant(connection, participant_id)
    if not enrollments:
        return None
    evidence = await load_evidence(connection, [enrollment.redeem_code for enrollment in enrollments])
    surveys = await load_surveys_of_participant(connection, participant_id)
    return {
        "enrollments": [_described(one, evidence[one.redeem_code]) for one in enrollments],
        "surveys": [_survey(answer, seen_at) for answer, seen_at in surveys],
    }


async def gauges(connection: Connection) -> list[Gauge]:
    """Return `salur_trainings` by state from the stored counts."""
    ever = await load_state_counts(connection)
    now = {state: ever.get(state, 0) for state in EnrollmentState}
    now[EnrollmentState.OPEN] -= sum(
        now[state] for state in EnrollmentState if state not in (EnrollmentState.OPEN, EnrollmentState.REJECTED)
    )
    return [Gauge("salur_trainings", float(number), {"state": state.value}) for state, number in now.items()]


def _described(enrollment: Enrollment, evidence: list[Evidence]) -> dict[str, object]:
    described: dict[str, object] = {"redeem_code": enrollment.redeem_code, "state": enrollment.state.value}
    if enrollment.terms is None:
        return described
    outcome = decide_completion(enrollment.terms.rule, evidence)
    return described | {
        "scheme": enrollment.terms.scheme,
        "scheme_version": enrollment.terms.scheme_version,
        "due_at": write_time(enrollment.terms.rule.span.due_at),
        "missing": list(outcome.missing) if isinstance(outcome, Incomplete) else [],
        "completed_at": enrollment.completed_at and write_time(enrollment.completed_at),
        "digest": enrollment.digest and enrollment.digest.hex(),
        "rests_on": [_fact(fact) for fact in outcome.evidence] if isinstance(outcome, Completion) else [],
        "evidence": [_fact(fact) for fact in sorted(evidence, key=lambda fact: fact.happened_at)],
    }


def _survey(answer: SurveyAnswer, seen_at: datetime) -> dict[str, object]:
    return {
        "survey": answer.survey,
        "redeem_code": answer.redeem_code,
        "source": answer.source,
        "id": answer.id,
        "answered_at": write_time(answer.answered_at),
        "seen_at": write_time(seen_at),
    }


def _fact(fact: Evidence) -> dict[str, object]:
    return {
        "type": fact.kind.value,
        "source": fact.source,
        "id": fact.id,
        "happened_at": write_time(fact.happened_at),
        "seen_at": write_time(fact.seen_at),
    }
