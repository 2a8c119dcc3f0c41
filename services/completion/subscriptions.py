"""Which event goes to which handler."""

from functools import partial

from services.completion.handlers.enrolling import note_enrollments
from services.completion.handlers.evidence import take_attendance, take_evidence, take_ratings
from services.completion.handlers.statements import certificate, graded_work, post_test
from services.completion.settings import CompletionSettings
from shared.contracts import enrollment, upstream
from shared.contracts.topics import ENROLLMENT_EVENTS, TRAINING_EVIDENCE, lane_of
from shared.messaging.subscription import Source, Subscription


def sources(settings: CompletionSettings) -> tuple[Source, ...]:
    """Causes before effects: enrollments, then their evidence."""
    return (
        Source(
            ENROLLMENT_EVENTS,
            (
                Subscription(enrollment.ENROLLMENT_CONFIRMED, note_enrollments),
                Subscription(enrollment.ENROLLMENT_REJECTED, note_enrollments),
            ),
            internal=True,
        ),
        Source(
            TRAINING_EVIDENCE,
            (
                Subscription(
                    upstream.SESSION_ATTENDED,
                    partial(take_attendance, settings.attendance_source),
                    lambda data: lane_of(data.participant_id),
                ),
                Subscription(
                    upstream.POST_TEST_TAKEN,
                    partial(take_evidence, post_test),
                    lambda data: lane_of(data.participant_id),
                ),
                Subscription(
                    upstream.WORK_GRADED, partial(take_evidence, graded_work), lambda data: lane_of(data.participant_id)
                ),
                Subscription(
                    upstream.CERTIFICATE_ISSUED,
                    partial(take_evidence, certificate),
                    lambda data: lane_of(data.participant_id),
                ),
                Subscription(upstream.TRAINING_RATED, take_ratings, lambda data: lane_of(data.participant_id)),
            ),
        ),
    )
