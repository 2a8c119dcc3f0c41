"""Views for operators: the audit trail of one participant, and enrollments by state."""

from datetime import datetime

from asyncpg import Connection

from services.completion.domain.completion import Completion, Incomplete, decide_completion
from services.completion.domain.enrollment import Enrollment, EnrollmentState
from services.completion.domain.evidence import Evidence
from services.completion.domain.revocation import select_standing
from services.completion.domain.survey import SurveyAnswer
from services.completion.store.enrollments import load_enrollments_of_participant
from services.completion.store.evidence import load_evidence, load_spares
from services.completion.store.revocations import StoredRevocation, load_revocations
from services.completion.store.state_counts import load_state_counts
from services.completion.store.surveys import load_surveys_of_participant
from shared.contracts.topics import TRAINING_ATTENDANCE, TRAINING_EVIDENCE
from shared.runtime.definition import Gauge
from shared.times import write_time


async def audit_trail(connection: Connection, participant_id: str) -> dict[str, object] | None:
    """Return a participant's surveys, and enrollments with evidence and what is missing; None without enrollment.

    `rests_on` is all the evidence of a completion, in the order of its digest; `spares` were accepted and do not count.
    """
    enrollments = await load_enrollments_of_participant(connection, participant_id)
    if not enrollments:
        return None
    codes = [enrollment.redeem_code for enrollment in enrollments]
    evidence, spares = await load_evidence(connection, codes), await load_spares(connection, codes)
    revocations = await load_revocations(connection, codes)
    surveys = await load_surveys_of_participant(connection, participant_id)
    return {
        "enrollments": [
            _described(one, evidence[one.redeem_code], spares[one.redeem_code], revocations[one.redeem_code])
            for one in enrollments
        ],
        "surveys": [_survey(answer, seen_at) for answer, seen_at in surveys],
    }


async def gauges(connection: Connection) -> list[Gauge]:
    """Return `salur_trainings` by state from the stored counts."""
    ever = await load_state_counts(connection)
    now = {state: ever.get(state, 0) for state in EnrollmentState}
    now[EnrollmentState.OPEN] -= sum(
        now[state] for state in (EnrollmentState.COMPLETED, EnrollmentState.NOT_COMPLETED, EnrollmentState.VOIDED)
    )
    now[EnrollmentState.COMPLETED] -= now[EnrollmentState.REVOKED]
    return [Gauge("salur_trainings", float(number), {"state": state.value}) for state, number in now.items()]


def _described(
    enrollment: Enrollment, evidence: list[Evidence], spares: list[Evidence], revocations: list[StoredRevocation]
) -> dict[str, object]:
    described: dict[str, object] = {"redeem_code": enrollment.redeem_code, "state": enrollment.state.value}
    if enrollment.terms is None:
        return described
    outcome = left = decide_completion(enrollment.terms.rule, evidence)
    if enrollment.state is EnrollmentState.REVOKED:
        revoked = {one.revocation.origin for one in revocations}
        left = decide_completion(enrollment.terms.rule, select_standing([*evidence, *spares], revoked))
    return described | {
        "scheme": enrollment.terms.scheme,
        "scheme_version": enrollment.terms.scheme_version,
        "due_at": write_time(enrollment.terms.rule.span.due_at),
        "missing": list(left.missing) if isinstance(left, Incomplete) else [],
        "completed_at": enrollment.completed_at and write_time(enrollment.completed_at),
        "digest": enrollment.digest and enrollment.digest.hex(),
        "rests_on": [_fact(fact) for fact in outcome.evidence] if isinstance(outcome, Completion) else [],
        "evidence": [_fact(fact) for fact in sorted(evidence, key=lambda fact: fact.happened_at)],
        "spares": [_fact(fact) for fact in sorted(spares, key=lambda fact: fact.happened_at)],
        "revocations": [_revoked(one) for one in revocations],
    }


def _revoked(one: StoredRevocation) -> dict[str, object]:
    on_attendance, source, event_id = one.revocation.origin
    return {
        "topic": TRAINING_ATTENDANCE if on_attendance else TRAINING_EVIDENCE,
        "source": source,
        "id": event_id,
        "reason": one.revocation.reason,
        "revoked_at": write_time(one.revocation.revoked_at),
        "seen_at": write_time(one.seen_at),
        "ends_completion": one.ends_completion,
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
