"""Topics that enrollment reads, causes before effects, and the handler of each event type."""

from functools import partial
from typing import Any, Protocol

from services.enrollment.context import Context
from services.enrollment.domain.deferral_kinds import ENROLLMENT, PARTICIPANT, VOID, WAVE
from services.enrollment.handlers.accounts import link_accounts
from services.enrollment.handlers.admissions import decide_applications
from services.enrollment.handlers.blocks import note_blocks
from services.enrollment.handlers.courses import approve_courses
from services.enrollment.handlers.erasures import note_erasures
from services.enrollment.handlers.milestones import record_milestones
from services.enrollment.handlers.purchases import decide_purchases
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
    VOID: (PROGRAMME_REGISTRY, ENROLLMENT_REQUESTS, TRAINING_PURCHASES),
}
"""Topics that can release deferred records, by kind of deferral."""


class OfParticipant(Protocol):
    """Data about one participant."""

    @property
    def participant_id(self) -> str: ...


class OfEnrollment(Protocol):
    """Data about one enrollment."""

    @property
    def redeem_code(self) -> str: ...


def sources(context: Context) -> tuple[Source, ...]:
    """Return the topics, causes before effects. Payment handles the registration of providers."""
    return (
        Source(
            PROGRAMME_REGISTRY,
            (
                Subscription(upstream.WAVE_OPENED, partial(open_waves, context)),
                Subscription(upstream.COURSE_APPROVED, approve_courses),
                Subscription(upstream.PROVIDER_REGISTERED, None),
            ),
        ),
        Source(ENROLLMENT_REQUESTS, _requests(context)),
        Source(TRAINING_PURCHASES, _purchases(context), formerly=ENROLLMENT_REQUESTS),
        Source(COMPLETION_EVENTS, _completions(context), producer="completion"),
    )


def _requests(context: Context) -> tuple[Subscription[Any], ...]:
    note = partial(note_blocks, context)
    return (
        Subscription(
            upstream.PARTICIPANT_ADMITTED,
            partial(decide_applications, context),
            _lane,
            lambda data: (WAVE, data.wave, data.participant_id),
        ),
        # Before what is not kept of the erased any more.
        Subscription(upstream.PARTICIPANT_ERASED, note_erasures, _lane, _participant_key),
        Subscription(upstream.ACCOUNT_LINKED, partial(link_accounts, context), _lane, _participant_key),
        Subscription(upstream.PARTICIPANT_BLOCKED, note, _lane, _participant_key),
        Subscription(upstream.PARTICIPANT_UNBLOCKED, note, _lane, _participant_key),
    )


def _purchases(context: Context) -> tuple[Subscription[Any], ...]:
    decide = partial(decide_purchases, context)
    return (
        Subscription(upstream.TRAINING_PURCHASED, decide, _lane, _participant_key),
        Subscription(upstream.TRAINING_VOIDED, decide, _lane, _void_key),
    )


def _completions(context: Context) -> tuple[Subscription[Any], ...]:
    record = partial(record_milestones, context)
    return (
        Subscription(
            completion.COMPLETION_CONFIRMED.read_as(completion.TrainingCompleted), record, defers_on=_enrollment_key
        ),
        Subscription(completion.TRAINING_RATED, record, defers_on=_enrollment_key),
        Subscription(completion.COMPLETION_REJECTED, None),
        Subscription(completion.COMPLETION_REVOKED, record, defers_on=_enrollment_key),
        Subscription(completion.SURVEY_ANSWERED, None),
    )


def _lane(data: OfParticipant) -> int:
    return lane_of(data.participant_id)


def _participant_key(data: OfParticipant) -> tuple[str, str, str]:
    return (PARTICIPANT, data.participant_id, "")


def _void_key(data: OfEnrollment) -> tuple[str, str, str]:
    return (VOID, data.redeem_code, "")


def _enrollment_key(data: OfEnrollment) -> tuple[str, str, str]:
    return (ENROLLMENT, data.redeem_code, "")
