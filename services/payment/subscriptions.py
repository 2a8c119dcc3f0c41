"""Which topics payment reads, causes before effects, and who handles what."""

from functools import partial

from services.payment.domain.reference import lane_in
from services.payment.handlers import Context
from services.payment.handlers.enrolling import note_enrollments
from services.payment.handlers.funding import appropriate_funds
from services.payment.handlers.linking import link_accounts
from services.payment.handlers.milestones import note_milestones
from services.payment.handlers.providers import register_providers
from services.payment.handlers.reports import WAITS_FOR_REFERENCE, take_reports
from shared.contracts import completion, enrollment, partner, upstream
from shared.contracts.topics import (
    COMPLETION_EVENTS,
    ENROLLMENT_EVENTS,
    LANES,
    PARTNERS,
    PROGRAMME_REGISTRY,
    TREASURY_FUNDING,
    disbursement_reports,
)
from shared.messaging.subscription import Source, Subscription


def sources(context: Context) -> tuple[Source, ...]:
    """Internal topics: the partition is the lane. A report finds its lane in its reference."""
    noted = partial(note_milestones, context)
    reported = Subscription(partner.DISBURSEMENT_REPORTED, partial(take_reports, context), _lane_of_report, _reference)
    return (
        Source(
            PROGRAMME_REGISTRY,
            (
                Subscription(upstream.PROVIDER_REGISTERED, partial(register_providers, context)),
                Subscription(upstream.WAVE_OPENED, None),
            ),
            parks_malformed=False,
        ),
        Source(TREASURY_FUNDING, (Subscription(upstream.FUNDS_APPROPRIATED, appropriate_funds),)),
        Source(
            ENROLLMENT_EVENTS,
            (
                Subscription(enrollment.PARTICIPANT_ADMITTED, None),
                Subscription(enrollment.PARTICIPANT_REFUSED, None),
                Subscription(enrollment.ACCOUNT_LINKED, partial(link_accounts, context)),
                Subscription(enrollment.ENROLLMENT_CONFIRMED, note_enrollments),
                Subscription(enrollment.ENROLLMENT_REJECTED, None),
            ),
            producer="enrollment",
        ),
        Source(
            COMPLETION_EVENTS,
            (
                Subscription(completion.COMPLETION_CONFIRMED, noted, waits_for=_enrollment),
                Subscription(completion.TRAINING_RATED, noted, waits_for=_enrollment),
                Subscription(completion.COMPLETION_REJECTED, None),
            ),
            producer="completion",
        ),
        *(Source(disbursement_reports(name), (reported,)) for name in PARTNERS),
    )


def _reference(data: partner.DisbursementReported) -> tuple[str, str, str]:
    return (WAITS_FOR_REFERENCE, data.reference, "")


def _enrollment(data: completion.CompletionConfirmed | completion.TrainingRated) -> tuple[str, str, str]:
    return ("enrollment", data.redeem_code, "")


def _lane_of_report(data: partner.DisbursementReported) -> int:
    return lane_in(data.reference, LANES)
