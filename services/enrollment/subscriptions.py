"""Topics that enrollment reads, causes before effects, and the handler of each event type."""

from functools import partial

from services.enrollment.context import Context
from services.enrollment.domain.deferral_kinds import ENROLLMENT, PARTICIPANT, WAVE
from services.enrollment.handlers.accounts import link_accounts
from services.enrollment.handlers.admissions import decide_applications
from services.enrollment.handlers.courses import approve_courses
from services.enrollment.handlers.milestones import record_milestones
from services.enrollment.handlers.purchases import decide_purchases
from services.enrollment.handlers.voids import void_trainings
from services.enrollment.handlers.waves import open_waves
from shared.contracts import completion, upstream
from shared.contracts.topics import (
    COMPLETION_EVENTS,
    ENROLLMENT_REQUESTS,
    PROGRAMME_REGISTRY,
    TRAINING_PURCHASES,
    lane_of,
)
from shared.messaging.transaction.subscription import Source, Subscription

# An application may be deferred for its wave, with it what is deferred for the admission, and a void for a purchase.
CAUSES = {
    WAVE: (PROGRAMME_REGISTRY,),
    PARTICIPANT: (PROGRAMME_REGISTRY, ENROLLMENT_REQUESTS),
    ENROLLMENT: (PROGRAMME_REGISTRY, ENROLLMENT_REQUESTS, TRAINING_PURCHASES),
}
"""Topics that can release deferred records, by kind of deferral."""


def sources(context: Context) -> tuple[Source, ...]:
    """Return the topics, causes before effects. Payment handles the registration of providers."""
    record = partial(record_milestones, context)
    return (
        Source(
            PROGRAMME_REGISTRY,
            (
                Subscription(upstream.WAVE_OPENED, partial(open_waves, context)),
                Subscription(upstream.COURSE_APPROVED, approve_courses),
                Subscription(upstream.PROVIDER_REGISTERED, None),
            ),
        ),
        Source(
            ENROLLMENT_REQUESTS,
            (
                Subscription(
                    upstream.PARTICIPANT_ADMITTED,
                    partial(decide_applications, context),
                    lambda data: lane_of(data.participant_id),
                    lambda data: (WAVE, data.wave, data.participant_id),
                ),
                Subscription(
                    upstream.ACCOUNT_LINKED,
                    partial(link_accounts, context),
                    lambda data: lane_of(data.participant_id),
                    _participant_key,
                ),
            ),
        ),
        Source(
            TRAINING_PURCHASES,
            (
                Subscription(
                    upstream.TRAINING_PURCHASED,
                    partial(decide_purchases, context),
                    lambda data: lane_of(data.participant_id),
                    _participant_key,
                ),
                Subscription(
                    upstream.TRAINING_VOIDED,
                    partial(void_trainings, context),
                    lambda data: lane_of(data.participant_id),
                    _enrollment_key,
                ),
            ),
            formerly=ENROLLMENT_REQUESTS,
        ),
        Source(
            COMPLETION_EVENTS,
            (
                Subscription(completion.COMPLETION_CONFIRMED, record, defers_on=_enrollment_key),
                Subscription(completion.TRAINING_RATED, record, defers_on=_enrollment_key),
                Subscription(completion.COMPLETION_REJECTED, None),
                Subscription(completion.COMPLETION_REVOKED, record, defers_on=_enrollment_key),
                Subscription(completion.SURVEY_ANSWERED, None),
            ),
            producer="completion",
        ),
    )


def _participant_key(data: upstream.AccountLinked | upstream.TrainingPurchased) -> tuple[str, str, str]:
    return (PARTICIPANT, data.participant_id, "")


def _enrollment_key(
    data: completion.CompletionConfirmed
    | completion.TrainingRated
    | completion.CompletionRevoked
    | upstream.TrainingVoided,
) -> tuple[str, str, str]:
    return (ENROLLMENT, data.redeem_code, "")
