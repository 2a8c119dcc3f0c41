"""The event `enrollment_confirmed`, which carries all that the other services need to act alone.

Trainings have few prices and schemes few rules, so requirements and benefits are cached.
"""

from datetime import datetime
from functools import lru_cache

from services.enrollment.domain.benefits import Benefit
from services.enrollment.domain.scheme import ModeRule, Scheme
from shared.contracts import enrollment, upstream
from shared.contracts.fields import rupiah


def confirmed_event(
    data: upstream.TrainingPurchased, wave: str, scheme: Scheme, cut_off_at: datetime | None = None
) -> enrollment.EnrollmentConfirmed:
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
        requires=_requirements(rule, len(data.sessions)),
        whole_span=data.mode == "self_paced",
        evidence_days=scheme.completion.evidence_days,
        complete_within_days=scheme.completion.complete_within_days,
        benefits=_benefits(data.price.value, scheme.benefits),
        clawback_days=scheme.clawback_days,
        cut_off_at=cut_off_at,
    )


@lru_cache(maxsize=500)
def _requirements(rule: ModeRule, sessions: int) -> enrollment.Requirements:
    return enrollment.Requirements(
        post_test=rule.post_test,
        graded=rule.graded,
        certificate=rule.certificate,
        sessions_at_least=rule.sessions_at_least(sessions),
    )


@lru_cache(maxsize=10_000)
def _benefits(price: int, promised: tuple[Benefit, ...]) -> tuple[enrollment.Benefit, ...]:
    return tuple(
        enrollment.Benefit(
            benefit=one.benefit,
            amount=rupiah(price if one.amount is None else one.amount),
            payee=one.payee,
            milestone=one.milestone,
            first_training_only=one.once,
            months_after=one.months_after,
        )
        for one in promised
    )
