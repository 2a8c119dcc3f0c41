"""Topics that payment reads, causes before effects, and the handler of each event type.

There are no CAUSES: completions come from an internal topic, and never expire; what ends the deferral of a report
after a restore may come from any topic.
"""

from functools import partial

from services.payment.context import Context
from services.payment.domain.deferral_kinds import ENROLLMENT, REFERENCE
from services.payment.domain.reference import lane_in
from services.payment.handlers.accounts import link_accounts
from services.payment.handlers.appropriations import appropriate_funds
from services.payment.handlers.blocks import apply_blocks
from services.payment.handlers.cancellations import annul_trainings
from services.payment.handlers.enrollments import record_enrollments
from services.payment.handlers.erasures import erase_participants
from services.payment.handlers.milestones import record_milestones
from services.payment.handlers.providers import register_providers
from services.payment.handlers.reports import process_reports
from services.payment.payout.cut_offs import CutOffRecorder
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
from shared.messaging.transaction.subscription import Source, Subscription


def sources(context: Context) -> tuple[Source, ...]:
    """Return the sources of payment.

    The lane of an internal record is its partition; the lane of a report is in its reference.
    """
    enroll = partial(record_enrollments, CutOffRecorder(context.wait_at_most))
    record = partial(record_milestones, context)
    blocks = partial(apply_blocks, context)
    annul = partial(annul_trainings, context)
    reported = Subscription(
        partner.DISBURSEMENT_REPORTED, partial(process_reports, context), _lane_of_report, _reference_key
    )
    return (
        Source(
            PROGRAMME_REGISTRY,
            (
                Subscription(upstream.PROVIDER_REGISTERED, partial(register_providers, context)),
                Subscription(upstream.WAVE_OPENED, None),
                Subscription(upstream.COURSE_APPROVED, None),
            ),
            parks_malformed=False,
        ),
        Source(TREASURY_FUNDING, (Subscription(upstream.FUNDS_APPROPRIATED, appropriate_funds),)),
        Source(
            ENROLLMENT_EVENTS,
            (
                Subscription(enrollment.PARTICIPANT_ADMITTED, None),
                Subscription(enrollment.PARTICIPANT_REFUSED, None),
                Subscription(enrollment.ENROLLMENT_CONFIRMED.read_as(enrollment.EnrollmentBenefits), enroll),
                Subscription(enrollment.ENROLLMENT_REJECTED, None),
                Subscription(enrollment.ENROLLMENT_VOIDED, annul, defers_on=_enrollment_key),
                Subscription(enrollment.PARTICIPANT_BLOCKED, blocks),
                Subscription(enrollment.PARTICIPANT_UNBLOCKED, blocks),
                Subscription(enrollment.PARTICIPANT_ERASED, partial(erase_participants, context)),
                # After what forbids to pay into it.
                Subscription(enrollment.ACCOUNT_LINKED, partial(link_accounts, context)),
                Subscription(enrollment.BALANCE_FORFEITED, None),
            ),
            producer="enrollment",
        ),
        Source(
            COMPLETION_EVENTS,
            (
                Subscription(
                    completion.COMPLETION_CONFIRMED.read_as(completion.TrainingCompleted),
                    record,
                    defers_on=_enrollment_key,
                ),
                Subscription(completion.TRAINING_RATED, record, defers_on=_enrollment_key),
                Subscription(completion.COMPLETION_REJECTED, None),
                Subscription(completion.COMPLETION_REVOKED, annul, defers_on=_enrollment_key),
                Subscription(completion.SURVEY_ANSWERED, record, defers_on=_enrollment_key),
            ),
            producer="completion",
        ),
        *(Source(disbursement_reports(name), (reported,)) for name in PARTNERS),
    )


def _reference_key(data: partner.DisbursementReported) -> tuple[str, str, str]:
    return (REFERENCE, data.reference, "")


def _enrollment_key(
    data: completion.TrainingCompleted
    | completion.TrainingRated
    | completion.SurveyAnswered
    | completion.CompletionRevoked
    | enrollment.EnrollmentVoided,
) -> tuple[str, str, str]:
    return (ENROLLMENT, data.redeem_code, "")


def _lane_of_report(data: partner.DisbursementReported) -> int:
    return lane_in(data.reference, LANES)
