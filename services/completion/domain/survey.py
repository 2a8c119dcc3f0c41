"""Answers to surveys: each participant's first one to each survey counts, whatever training it names."""

from datetime import datetime
from typing import NamedTuple

from services.completion.domain.enrollment import Enrollment, EnrollmentState

NOTHING_COUNTS = (EnrollmentState.REJECTED, EnrollmentState.VOIDED, EnrollmentState.REVOKED)


class SurveyAnswer(NamedTuple):
    """The answer to one survey; with the participant, the number of the survey is its business key."""

    participant_id: str
    survey: int
    redeem_code: str
    source: str
    id: str
    answered_at: datetime


def survey_counts(enrollment: Enrollment) -> bool:
    """Return False for a training that was never bought, or no more is: what is said about it is noted."""
    return enrollment.state not in NOTHING_COUNTS
