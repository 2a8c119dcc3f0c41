"""Answers to surveys: of which trainings they count."""

from services.completion.domain.enrollment import EnrollmentState
from services.completion.domain.survey import survey_counts
from tests.unit.completion.facts import an_enrollment


def test_survey_counts_with_any_training_that_was_bought_and_stands() -> None:
    assert {state for state in EnrollmentState if survey_counts(an_enrollment(state=state))} == {
        EnrollmentState.OPEN,
        EnrollmentState.COMPLETED,
        EnrollmentState.NOT_COMPLETED,
    }
