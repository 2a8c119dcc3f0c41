"""Which statements are believed, and which of them count."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from services.completion.domain.enrollment import State
from services.completion.domain.evidence import Statement
from services.completion.domain.judgement import Refusal, Wrong, part_that_counts, refuse
from tests.unit.completion.facts import (
    DAY,
    FIRST_START,
    HOUR,
    LAST_END,
    a_rejected_enrollment,
    a_rule,
    an_enrollment,
    attended,
    certified,
    examined,
    graded,
    rated,
)

MICROSECOND = timedelta(microseconds=1)
# The 30th calendar day in Jakarta after 2 March ends at 17:00 UTC on 1 April.
EVIDENCE_ENDS = datetime(2023, 4, 1, 17, 0, tzinfo=UTC)
ALL = [attended(), examined(), graded(), certified(), rated()]
LATER_ONES = [examined, graded, certified, rated]
OUT_OF_WINDOW = Refusal(Wrong.OUT_OF_WINDOW, "happened_at")


@pytest.mark.parametrize("statement", ALL, ids=lambda one: one.kind)
def test_a_true_statement_is_not_refused(statement: Statement) -> None:
    assert refuse(an_enrollment(), statement) is None


@pytest.mark.parametrize("statement", ALL, ids=lambda one: one.kind)
def test_a_redeem_code_of_somebody_else_is_not_yours(statement: Statement) -> None:
    theirs = statement._replace(participant_id="4810000000000025")
    assert refuse(an_enrollment(), theirs) == Refusal(Wrong.NOT_YOURS, "participant_id")
    assert refuse(a_rejected_enrollment(), theirs) == Refusal(Wrong.NOT_YOURS, "participant_id")


@pytest.mark.parametrize("statement", [graded("LP0002"), certified("LP0002")], ids=lambda one: one.kind)
def test_another_provider_may_not_speak_of_this_training(statement: Statement) -> None:
    assert refuse(an_enrollment(), statement) == Refusal(Wrong.NOT_YOURS, "provider_id")


@pytest.mark.parametrize(
    ("at", "refusal"),
    [
        (FIRST_START - HOUR - MICROSECOND, OUT_OF_WINDOW),
        (FIRST_START - HOUR, None),
        (FIRST_START + 4 * HOUR, None),
        (FIRST_START + 4 * HOUR + MICROSECOND, OUT_OF_WINDOW),
        (FIRST_START + DAY, OUT_OF_WINDOW),
    ],
)
def test_a_session_is_attended_from_an_hour_before_it_to_an_hour_after(at: datetime, refusal: Refusal | None) -> None:
    assert refuse(an_enrollment(), attended(1, at=at)) == refusal


@pytest.mark.parametrize(
    ("at", "refusal"),
    [
        (FIRST_START - MICROSECOND, OUT_OF_WINDOW),
        (FIRST_START, None),
        (FIRST_START + 12 * HOUR, None),
        (LAST_END, None),
        (LAST_END + MICROSECOND, OUT_OF_WINDOW),
    ],
)
def test_at_ones_own_pace_any_session_is_attended_within_the_whole_span(at: datetime, refusal: Refusal | None) -> None:
    enrollment = an_enrollment(a_rule(whole_span=True))
    assert refuse(enrollment, attended(1, at=at)) == refusal
    assert refuse(enrollment, attended(2, at=at)) == refusal


@pytest.mark.parametrize("stated", LATER_ONES, ids=lambda one: one.__name__)
@pytest.mark.parametrize(
    ("at", "refusal"),
    [
        (FIRST_START - MICROSECOND, OUT_OF_WINDOW),
        (FIRST_START, None),
        (LAST_END + 30 * DAY, None),
        (EVIDENCE_ENDS - MICROSECOND, None),
        (EVIDENCE_ENDS, OUT_OF_WINDOW),
    ],
)
def test_other_evidence_is_from_the_first_start_to_the_end_of_the_last_day(
    stated: Callable[..., Statement], at: datetime, refusal: Refusal | None
) -> None:
    assert refuse(an_enrollment(), stated(at=at)) == refusal


def test_a_session_that_the_enrollment_does_not_have_has_no_window() -> None:
    assert refuse(an_enrollment(), attended(3)) == Refusal(Wrong.OUT_OF_WINDOW, "sequence")


def test_a_lie_about_a_finished_training_is_still_a_lie() -> None:
    for state in (State.COMPLETED, State.NOT_COMPLETED):
        assert refuse(an_enrollment(state=state), graded("LP0002")) is not None


def test_a_failed_test_is_not_refused_it_only_does_not_count() -> None:
    failed = examined(passed=False)
    assert refuse(an_enrollment(), failed) is None
    assert part_that_counts(an_enrollment(), failed) is None
    assert part_that_counts(an_enrollment(a_rule(post_test="taken")), failed) is not None


def test_the_wrong_proof_is_not_refused_it_only_does_not_count() -> None:
    assert refuse(an_enrollment(), attended(1, "venue_qr")) is None
    assert part_that_counts(an_enrollment(), attended(1, "venue_qr")) is None


def test_what_the_rule_does_not_ask_for_does_not_count() -> None:
    enrollment = an_enrollment(a_rule(post_test=None, graded=False, certificate=False))
    assert [part_that_counts(enrollment, one) for one in (examined(), graded(), certified())] == [None] * 3


def test_evidence_of_a_rejected_enrollment_changes_nothing() -> None:
    assert [refuse(a_rejected_enrollment(), one) for one in ALL] == [None] * 5
    assert [part_that_counts(a_rejected_enrollment(), one) for one in ALL] == [None] * 5


def test_after_the_last_day_nothing_counts_any_more() -> None:
    enrollment = an_enrollment(a_rule(certificate=True), State.NOT_COMPLETED)
    assert [part_that_counts(enrollment, one) for one in ALL] == [None] * 5


def test_after_completion_only_a_rating_counts() -> None:
    enrollment = an_enrollment(a_rule(certificate=True), State.COMPLETED)
    assert [part_that_counts(enrollment, one) for one in ALL] == [None, None, None, None, 0]


def test_two_tests_are_two_facts_and_two_certificates_are_one() -> None:
    enrollment = an_enrollment(a_rule(certificate=True))
    again = [part_that_counts(enrollment, examined(at=LAST_END + hour * HOUR)) for hour in range(2)]
    assert len(set(again)) == 2
    assert part_that_counts(enrollment, certified()) == part_that_counts(enrollment, certified(at=LAST_END)) == 0


def test_each_session_is_a_fact_of_its_own() -> None:
    assert [part_that_counts(an_enrollment(), attended(number)) for number in (1, 2)] == [1, 2]


def test_the_time_to_complete_ends_with_a_day_in_jakarta() -> None:
    assert a_rule(complete_within_days=30).span.due_at == EVIDENCE_ENDS
    assert a_rule(complete_within_days=0).span.due_at == datetime(2023, 3, 2, 17, 0, tzinfo=UTC)
