"""Topics that completion reads, causes before effects, and the handler of each event type."""

from functools import partial
from typing import Any

from services.completion.domain.deferral_kinds import ENROLLMENT
from services.completion.handlers.enrollments import record_enrollments, void_enrollments
from services.completion.handlers.erasures import destroy_keys
from services.completion.handlers.evidence_sources import SOURCES
from services.completion.handlers.revocations import process_evidence
from services.completion.handlers.surveys import accept_surveys
from services.completion.settings import CompletionSettings
from shared.contracts import enrollment, upstream
from shared.contracts.events import EventType
from shared.contracts.topics import ENROLLMENT_EVENTS, TRAINING_ATTENDANCE, TRAINING_EVIDENCE, lane_of
from shared.messaging.transaction.subscription import Handler, Source, Subscription

CAUSES = {ENROLLMENT: (ENROLLMENT_EVENTS,)}
"""Topics that can release deferred records, by kind of deferral."""


def sources(settings: CompletionSettings) -> tuple[Source, ...]:
    """Return the topics, causes before effects: enrollments, then evidence and what ends it."""
    process = partial(process_evidence, settings.attendance_source)

    def evidence_of(topic: str) -> tuple[Subscription[Any], ...]:
        return tuple(_about_an_enrollment(one.event, process) for one in SOURCES if one.event.topic == topic)

    return (
        Source(
            ENROLLMENT_EVENTS,
            (
                Subscription(enrollment.PARTICIPANT_ADMITTED, None),
                Subscription(enrollment.PARTICIPANT_REFUSED, None),
                Subscription(enrollment.ACCOUNT_LINKED, None),
                Subscription(
                    enrollment.ENROLLMENT_CONFIRMED.read_as(enrollment.EnrollmentEvidence), record_enrollments
                ),
                Subscription(enrollment.ENROLLMENT_REJECTED, record_enrollments),
                Subscription(
                    enrollment.ENROLLMENT_VOIDED,
                    void_enrollments,
                    defers_on=_enrollment_key,
                ),
                Subscription(enrollment.PARTICIPANT_BLOCKED, None),
                Subscription(enrollment.PARTICIPANT_UNBLOCKED, None),
                Subscription(enrollment.PARTICIPANT_ERASED, destroy_keys),
                Subscription(enrollment.BALANCE_FORFEITED, None),
            ),
            producer="enrollment",
        ),
        Source(
            TRAINING_ATTENDANCE,
            (_about_an_enrollment(upstream.ATTENDANCE_REVOKED, process), *evidence_of(TRAINING_ATTENDANCE)),
            formerly=TRAINING_EVIDENCE,
        ),
        Source(
            TRAINING_EVIDENCE,
            (
                _about_an_enrollment(upstream.EVIDENCE_REVOKED, process),
                *evidence_of(TRAINING_EVIDENCE),
                _about_an_enrollment(upstream.SURVEY_ANSWERED, accept_surveys),
            ),
        ),
    )


def _about_an_enrollment(event: EventType[Any], handle: Handler[Any]) -> Subscription[Any]:
    return Subscription(event, handle, lambda data: lane_of(data.participant_id), _enrollment_key)


def _enrollment_key(data: Any) -> tuple[str, str, str]:
    return (ENROLLMENT, data.redeem_code, "")
