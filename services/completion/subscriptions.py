"""Which event goes to which handler."""

from functools import partial
from typing import Any

from services.completion.handlers import ENROLLMENT
from services.completion.handlers.enrollments import record_enrollments
from services.completion.handlers.evidence import accept_evidence
from services.completion.settings import CompletionSettings
from shared.contracts import enrollment, upstream
from shared.contracts.events import EventType
from shared.contracts.topics import ENROLLMENT_EVENTS, TRAINING_ATTENDANCE, TRAINING_EVIDENCE, lane_of
from shared.messaging.transaction.subscription import Source, Subscription

EVIDENCE: tuple[EventType[Any], ...] = (
    upstream.POST_TEST_TAKEN,
    upstream.WORK_GRADED,
    upstream.CERTIFICATE_ISSUED,
    upstream.TRAINING_RATED,
)

CAUSES = {ENROLLMENT: (ENROLLMENT_EVENTS,)}
"""By kind of what waits: the topics that can bring what it waits for."""


def sources(settings: CompletionSettings) -> tuple[Source, ...]:
    """Causes before effects: enrollments, then their evidence."""
    accept = partial(accept_evidence, settings.attendance_source)

    def evidence_subscription(event: EventType[Any]) -> Subscription[Any]:
        return Subscription(
            event, accept, lambda data: lane_of(data.participant_id), lambda data: (ENROLLMENT, data.redeem_code, "")
        )

    return (
        Source(
            ENROLLMENT_EVENTS,
            (
                Subscription(enrollment.PARTICIPANT_ADMITTED, None),
                Subscription(enrollment.PARTICIPANT_REFUSED, None),
                Subscription(enrollment.ACCOUNT_LINKED, None),
                Subscription(enrollment.ENROLLMENT_CONFIRMED, record_enrollments),
                Subscription(enrollment.ENROLLMENT_REJECTED, record_enrollments),
            ),
            producer="enrollment",
        ),
        Source(TRAINING_ATTENDANCE, (evidence_subscription(upstream.SESSION_ATTENDED),), formerly=TRAINING_EVIDENCE),
        Source(TRAINING_EVIDENCE, tuple(evidence_subscription(event) for event in EVIDENCE)),
    )
