"""Explanation of a participant: what this service decided, from its own rows. Other decisions become functions here."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from asyncpg import Connection

from services.completion.domain.completion import Completion, Incomplete, decide_completion
from services.completion.domain.enrollment import ConfirmedTerms, EnrollmentState
from services.completion.domain.evidence import Evidence, EvidenceKind
from services.completion.domain.revocation import select_standing
from services.completion.domain.survey import SurveyAnswer
from services.completion.store.revocations import StoredRevocation
from services.completion.store.views import EnrollmentView, view_participant
from shared.contracts import upstream
from shared.contracts.topics import COMPLETION_EVENTS, ENROLLMENT_EVENTS
from shared.messaging.eras import EventIds
from shared.runtime.explanation import Decision, keyed_id, outside_id, own_id, read_ids

COMPLETED = (EnrollmentState.COMPLETED, EnrollmentState.REVOKED)


async def explain(connection: Connection, participant_id: str) -> list[Decision]:
    """Return all decisions about a participant."""
    views = await view_participant(connection, participant_id)
    ids, decisions = views.event_ids, []
    for view in views.enrollments:
        decisions += [_enrollment(ids, view)]
        decisions += [_accepted(ids, view, fact) for fact in view.evidence]
        decisions += [_spare(view, fact) for fact in view.spares]
        decisions += [_revocation(view, one) for one in view.revocations]
        decisions += _outcome(ids, view)
    return decisions + [
        _survey(answer, seen_at, own_id(ids, COMPLETION_EVENTS, views.survey_events[answer.survey]))
        for answer, seen_at in views.surveys
    ]


def missing_evidence(view: EnrollmentView) -> list[str]:
    """Return the requirements that no evidence meets; of a revoked completion those that none met at that moment."""
    enrollment, facts = view.enrollment, list(view.evidence)
    if ending := _ending(view):
        seen = [fact for fact in [*facts, *view.spares] if fact.seen_at <= ending.seen_at]
        facts = select_standing(
            seen, {one.revocation.origin for one in view.revocations if one.seen_at <= ending.seen_at}
        )
    outcome = decide_completion(enrollment.rule, facts)
    return list(outcome.missing) if isinstance(outcome, Incomplete) else []


def _ending(view: EnrollmentView) -> StoredRevocation | None:
    """Return the revocation that ended the completion, if one did."""
    if view.enrollment.state is not EnrollmentState.REVOKED:
        return None
    return next((one for one in view.revocations if one.ends_completion), None)


def decisive_evidence(view: EnrollmentView) -> list[Evidence]:
    """Return all the evidence that a completion rests on, in the order of its digest; none without a completion."""
    outcome = decide_completion(view.enrollment.rule, view.evidence)
    return list(outcome.evidence) if isinstance(outcome, Completion) else []


def _enrollment(ids: EventIds, view: EnrollmentView) -> Decision:
    terms = view.enrollment.terms
    return Decision(
        at=view.row["known_at"],
        decided_at=view.row["known_at"],
        decision="enrollment_rejected" if terms is None else "enrollment_confirmed",
        about=view.enrollment.redeem_code,
        rule="enrollment.first",
        scheme=terms and terms.scheme,
        scheme_version=terms and terms.scheme_version,
        facts=_demands(terms) if terms else {},
        caused_by=read_ids(ids, ENROLLMENT_EVENTS, view.row["caused_by"]),
    )


def _demands(terms: ConfirmedTerms) -> dict[str, object]:
    rule = terms.rule
    return {
        "provider_id": terms.provider_id,
        "sessions": f"{rule.sessions_demanded} of {len(rule.sessions)}",
        "post_test": rule.post_test,
        "graded": rule.graded,
        "certificate": rule.certificate,
        "evidence_until": rule.span.evidence_until,
        "complete_by": rule.span.due_at,
    }


def _accepted(ids: EventIds, view: EnrollmentView, fact: Evidence) -> Decision:
    if fact.kind is not EvidenceKind.TRAINING_RATED:
        return _fact(view, fact, "evidence_accepted", "evidence.first")
    rated = _fact(view, fact, "training_rated", "rating.first")
    return replace(rated, carried_by=own_id(ids, COMPLETION_EVENTS, view.row["rating_carried_by"]))


def _spare(view: EnrollmentView, fact: Evidence) -> Decision:
    """Return a fact that was accepted and does not count: revoked, after a decision, or a repeat."""
    decided_at, ending = view.row["decided_at"], _ending(view)
    if fact.origin in {one.revocation.origin for one in view.revocations}:
        rule = "evidence.revoked"
    elif ending is not None and fact.seen_at > ending.seen_at:
        rule = "evidence.after_revocation"
    elif decided_at is not None and fact.seen_at > decided_at:
        rule = "evidence.after_decision"
    else:
        rule = "evidence.repeat"
    return _fact(view, fact, "evidence_spare", rule)


def _fact(view: EnrollmentView, fact: Evidence, decision: str, rule: str) -> Decision:
    session = fact.part if fact.kind is EvidenceKind.SESSION_ATTENDED else None
    return Decision(
        at=fact.happened_at,
        decided_at=fact.seen_at,
        decision=decision,
        about=view.enrollment.redeem_code,
        rule=rule,
        facts={"kind": fact.kind.value, "session": session},
        caused_by=(outside_id(fact.source, fact.id),),
    )


def _revocation(view: EnrollmentView, one: StoredRevocation) -> Decision:
    _, source, event_id = one.revocation.origin
    return Decision(
        at=one.revocation.revoked_at,
        decided_at=one.seen_at,
        decision="evidence_revoked",
        about=view.enrollment.redeem_code,
        rule="revocation.too_little_left" if one.ends_completion else "revocation.noted",
        facts={"evidence": outside_id(source, event_id), "reason": one.revocation.reason},
        caused_by=(_revoking(one),),
    )


def _revoking(one: StoredRevocation) -> str:
    """Return the name of the event that revoked evidence: its topic, and the evidence, which is its business key."""
    on_attendance, source, event_id = one.revocation.origin
    event = upstream.ATTENDANCE_REVOKED if on_attendance else upstream.EVIDENCE_REVOKED
    return keyed_id(event, outside_id(source, event_id))


def _outcome(ids: EventIds, view: EnrollmentView) -> list[Decision]:
    match view.enrollment.state:
        case EnrollmentState.COMPLETED:
            return _completion(ids, view)
        case EnrollmentState.REVOKED:
            ending = _ending(view)
            return [*_completion(ids, view), *([_revoked(ids, view, ending)] if ending else [])]
        case EnrollmentState.NOT_COMPLETED:
            return [_rejection(ids, view, missing_evidence(view))]
        case EnrollmentState.VOIDED:
            return [_void(ids, view)]
        case _:
            return []


def _completion(ids: EventIds, view: EnrollmentView) -> list[Decision]:
    """Return the completion; of a reopened training its rejection before that, with the requirements missing then."""
    enrollment, terms, decided_at = view.enrollment, view.enrollment.confirmed_terms, view.row["decided_at"]
    decisive = decisive_evidence(view)
    number = view.row["reopening_carried_by" if enrollment.reopened_at else "carried_by"]
    completion = Decision(
        at=enrollment.completed_at or decided_at,
        decided_at=enrollment.reopened_at or decided_at,
        decision="completion_confirmed",
        about=enrollment.redeem_code,
        rule="completion.reopened" if enrollment.reopened_at else "completion.all_demanded",
        scheme=terms.scheme,
        scheme_version=terms.scheme_version,
        facts={
            "evidence_count": len(decisive),
            "digest": enrollment.digest and enrollment.digest.hex(),
            **{name: view.row[f"reopened_by_{name}"] for name in ("first", "second")},
        },
        caused_by=(
            *read_ids(ids, ENROLLMENT_EVENTS, view.row["caused_by"]),
            *(outside_id(fact.source, fact.id) for fact in decisive),
        ),
        carried_by=own_id(ids, COMPLETION_EVENTS, number),
    )
    if enrollment.reopened_at is None:
        return [completion]
    in_time = decide_completion(terms.rule, [fact for fact in view.evidence if fact.seen_at <= decided_at])
    return [_rejection(ids, view, in_time.missing if isinstance(in_time, Incomplete) else ()), completion]


def _revoked(ids: EventIds, view: EnrollmentView, ending: StoredRevocation) -> Decision:
    terms = view.enrollment.confirmed_terms
    return Decision(
        at=ending.revocation.revoked_at,
        decided_at=ending.seen_at,
        decision="completion_revoked",
        about=view.enrollment.redeem_code,
        rule="revocation.too_little_left",
        scheme=terms.scheme,
        scheme_version=terms.scheme_version,
        facts={"reason": ending.revocation.reason, "missing": missing_evidence(view)},
        caused_by=(_revoking(ending), outside_id(*ending.revocation.origin[1:])),
        carried_by=own_id(ids, COMPLETION_EVENTS, view.row["revocation_carried_by"]),
    )


def _rejection(ids: EventIds, view: EnrollmentView, missing: Sequence[str]) -> Decision:
    terms = view.enrollment.confirmed_terms
    return Decision(
        at=view.row["decided_at"],
        decided_at=view.row["decided_at"],
        decision="completion_rejected",
        about=view.enrollment.redeem_code,
        rule="completion.not_completed_in_time",
        scheme=terms.scheme,
        scheme_version=terms.scheme_version,
        facts={"complete_by": terms.rule.span.due_at, "missing": list(missing)},
        caused_by=read_ids(ids, ENROLLMENT_EVENTS, view.row["caused_by"]),
        carried_by=own_id(ids, COMPLETION_EVENTS, view.row["carried_by"]),
    )


def _void(ids: EventIds, view: EnrollmentView) -> Decision:
    return Decision(
        at=view.row["decided_at"],
        decided_at=view.row["decided_at"],
        decision="enrollment_voided",
        about=view.enrollment.redeem_code,
        rule="void.never_completed",
        caused_by=read_ids(ids, ENROLLMENT_EVENTS, view.row["void_caused_by"]),
    )


def _survey(answer: SurveyAnswer, seen_at: datetime, carried_by: str) -> Decision:
    return Decision(
        at=answer.answered_at,
        decided_at=seen_at,
        decision="survey_answered",
        about=answer.redeem_code,
        rule="survey.first",
        facts={"survey": answer.survey},
        caused_by=(outside_id(answer.source, answer.id),),
        carried_by=carried_by,
    )
