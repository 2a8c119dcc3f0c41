"""Views for operators: the audit trail of one participant, and enrollments by state."""

from datetime import datetime

from asyncpg import Connection

from services.completion.domain.completion import Completion, Incomplete
from services.completion.domain.enrollment import EnrollmentState
from services.completion.domain.evidence import Evidence
from services.completion.domain.reopening import decide_reopening
from services.completion.domain.survey import SurveyAnswer
from services.completion.explanation import decisive_evidence, missing_evidence
from services.completion.store.revocations import StoredRevocation
from services.completion.store.state_counts import load_state_counts
from services.completion.store.views import EnrollmentView, view_participant
from shared.contracts.topics import TRAINING_ATTENDANCE, TRAINING_EVIDENCE
from shared.runtime.definition import Gauge
from shared.times import write_time


async def audit_trail(connection: Connection, participant_id: str) -> dict[str, object] | None:
    """Return a participant's surveys, and enrollments with evidence and what is missing; None without enrollment.

    `rests_on` is all the evidence of a completion, in the order of its digest; `spares` were accepted and do not count.
    `if_reopened` is there for a training that was not completed in time: the spares that would count if it were
    reopened, and what would still be missing.
    """
    views = await view_participant(connection, participant_id)
    if not views.enrollments:
        return None
    return {
        "enrollments": [_described(view) for view in views.enrollments],
        "surveys": [_survey(answer, seen_at) for answer, seen_at in views.surveys],
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


def _described(view: EnrollmentView) -> dict[str, object]:
    enrollment = view.enrollment
    described: dict[str, object] = {"redeem_code": enrollment.redeem_code, "state": enrollment.state.value}
    if enrollment.terms is None:
        return described
    if enrollment.state is EnrollmentState.NOT_COMPLETED and view.row["void_caused_by"] is None:
        described["if_reopened"] = _reopening(view)
    return described | {
        "scheme": enrollment.terms.scheme,
        "scheme_version": enrollment.terms.scheme_version,
        "due_at": write_time(enrollment.terms.rule.span.due_at),
        "missing": missing_evidence(view),
        "completed_at": enrollment.completed_at and write_time(enrollment.completed_at),
        "digest": enrollment.digest and enrollment.digest.hex(),
        "reopened_at": enrollment.reopened_at and write_time(enrollment.reopened_at),
        "rests_on": [_fact(fact) for fact in decisive_evidence(view)],
        "evidence": [_fact(fact) for fact in sorted(view.evidence, key=lambda fact: fact.happened_at)],
        "spares": [_fact(fact) for fact in sorted(view.spares, key=lambda fact: fact.happened_at)],
        "revocations": [_revoked(one) for one in view.revocations],
    }


def _reopening(view: EnrollmentView) -> dict[str, object]:
    revoked = {one.revocation.origin for one in view.revocations}
    reopening = decide_reopening(view.enrollment.rule, view.evidence, view.spares, revoked)
    outcome = reopening.outcome
    return {
        "late_evidence": [_fact(fact) for fact in reopening.replacement.promoted],
        "missing": list(outcome.missing) if isinstance(outcome, Incomplete) else [],
        "completed_at": write_time(outcome.completed_at) if isinstance(outcome, Completion) else None,
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
