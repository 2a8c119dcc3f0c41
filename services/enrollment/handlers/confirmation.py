"""The event `enrollment_confirmed`, which carries all that the other services need to act alone.

Trainings have few prices and schemes few rules, so requirements and benefits are cached.
"""

from functools import lru_cache

from services.enrollment.domain.scheme import ModeRule, Scheme
from shared.contracts import enrollment, upstream
from shared.contracts.fields import rupiah


def confirmed_event(data: upstream.TrainingPurchased, wave: str, scheme: Scheme) -> enrollment.EnrollmentConfirmed:
    """Return the event: the purchase, the evidence that completes it, and the benefits that it entitles to."""
    rule = scheme.modes[data.mode]
    return enrollment.EnrollmentConfirmed(
        participant_id=data.participant_id,
        redeem_code=data.redeem_code,
        wave=wave,
        scheme=scheme.scheme,
        scheme_version=scheme.version,
        platform=data.platform,
        provider_id=data.provider_id,
        course_code=data.course_code,
        schedule_code=data.schedule_code,
        mode=data.mode,
        price=data.price,
        hours=data.hours,
        purchased_at=data.purchased_at,
        sessions=tuple(
            enrollment.Session(
                sequence=session.sequence,
                proof=rule.proof_of(session.mode),
                starts_at=session.starts_at,
                ends_at=session.ends_at,
            )
            for session in data.sessions
        ),
        requires=_requirements(rule),
        whole_span=data.mode == "self_paced",
        evidence_days=scheme.completion.evidence_days,
        complete_within_days=scheme.completion.complete_within_days,
        benefits=_benefits(data.price.value, scheme.incentive.amount),
    )


@lru_cache(maxsize=100)
def _requirements(rule: ModeRule) -> enrollment.Requirements:
    return enrollment.Requirements(post_test=rule.post_test, graded=rule.graded, certificate=rule.certificate)


@lru_cache(maxsize=10_000)
def _benefits(price: int, incentive: int) -> tuple[enrollment.Benefit, ...]:
    """Return the benefits: the fee once completed, and the incentive with the first completed and rated training."""
    return (
        enrollment.Benefit(
            benefit="fee",
            amount=rupiah(price),
            payee="provider",
            milestone="completed",
            first_training_only=False,
        ),
        enrollment.Benefit(
            benefit="incentive_1",
            amount=rupiah(incentive),
            payee="participant",
            milestone="rated",
            first_training_only=True,
        ),
    )
