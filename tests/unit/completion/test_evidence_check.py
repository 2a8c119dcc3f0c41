"""The check of reported facts: which are accepted, and which of them count."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from services.completion.domain.enrollment import EnrollmentState
from services.completion.domain.evidence import EvidenceKind, ReportedFact
from services.completion.domain.evidence_check import (
    EvidenceRefusal,
    EvidenceRefused,
    check_evidence,
    evidence_part,
    is_in_time,
)
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
TIMED_BY_SPAN = [examined, graded, certified, rated]
OUT_OF_WINDOW = EvidenceRefused(EvidenceRefusal.OUT_OF_WINDOW, "happened_at")


@pytest.mark.parametrize("fact", ALL, ids=lambda one: one.kind)
def test_true_report_is_accepted(fact: ReportedFact) -> None:
    assert check_evidence(an_enrollment(), fact) is None


@pytest.mark.parametrize("fact", ALL, ids=lambda one: one.kind)
def test_evidence_of_another_participant_is_not_yours(fact: ReportedFact) -> None:
    theirs = fact._replace(participant_id="4810000000000025")
    assert check_evidence(an_enrollment(), theirs) == EvidenceRefused(EvidenceRefusal.NOT_YOURS, "participant_id")
    assert check_evidence(a_rejected_enrollment(), theirs) == EvidenceRefused(
        EvidenceRefusal.NOT_YOURS, "participant_id"
    )


@pytest.mark.parametrize("fact", [graded("LP0002"), certified("LP0002")], ids=lambda one: one.kind)
def test_evidence_of_another_provider_is_not_yours(fact: ReportedFact) -> None:
    assert check_evidence(an_enrollment(), fact) == EvidenceRefused(EvidenceRefusal.NOT_YOURS, "provider_id")


@pytest.mark.parametrize(
    ("at", "refused"),
    [
        (FIRST_START - HOUR - MICROSECOND, OUT_OF_WINDOW),
        (FIRST_START - HOUR, None),
        (FIRST_START + 4 * HOUR, None),
        (FIRST_START + 4 * HOUR + MICROSECOND, OUT_OF_WINDOW),
        (FIRST_START + DAY, OUT_OF_WINDOW),
    ],
)
def test_session_window_is_an_hour_wider_on_both_sides(at: datetime, refused: EvidenceRefused | None) -> None:
    assert check_evidence(an_enrollment(), attended(1, at=at)) == refused


@pytest.mark.parametrize(
    ("at", "refused"),
    [
        (FIRST_START - MICROSECOND, OUT_OF_WINDOW),
        (FIRST_START, None),
        (FIRST_START + 12 * HOUR, None),
        (LAST_END, None),
        (LAST_END + MICROSECOND, OUT_OF_WINDOW),
    ],
)
def test_self_paced_session_window_is_the_whole_span(at: datetime, refused: EvidenceRefused | None) -> None:
    enrollment = an_enrollment(a_rule(whole_span=True))
    assert check_evidence(enrollment, attended(1, at=at)) == refused
    assert check_evidence(enrollment, attended(2, at=at)) == refused


@pytest.mark.parametrize("report", TIMED_BY_SPAN, ids=lambda one: one.__name__)
@pytest.mark.parametrize(
    ("at", "refused"),
    [
        (FIRST_START - MICROSECOND, OUT_OF_WINDOW),
        (FIRST_START, None),
        (LAST_END + 30 * DAY, None),
        (EVIDENCE_ENDS - MICROSECOND, None),
        (EVIDENCE_ENDS, OUT_OF_WINDOW),
    ],
)
def test_evidence_span_ends_with_the_last_evidence_day(
    report: Callable[..., ReportedFact], at: datetime, refused: EvidenceRefused | None
) -> None:
    assert check_evidence(an_enrollment(), report(at=at)) == refused


def test_unknown_session_has_no_window() -> None:
    assert check_evidence(an_enrollment(), attended(3)) == EvidenceRefused(EvidenceRefusal.OUT_OF_WINDOW, "sequence")


def test_false_report_on_a_final_training_is_still_rejected() -> None:
    for state in (EnrollmentState.COMPLETED, EnrollmentState.NOT_COMPLETED, EnrollmentState.VOIDED):
        assert check_evidence(an_enrollment(state=state), graded("LP0002")) is not None


def test_failed_test_is_accepted_but_does_not_count() -> None:
    failed = examined(passed=False)
    assert check_evidence(an_enrollment(), failed) is None
    assert evidence_part(an_enrollment(), failed) is None
    assert evidence_part(an_enrollment(a_rule(post_test="taken")), failed) is not None


def test_wrong_proof_is_accepted_but_does_not_count() -> None:
    assert check_evidence(an_enrollment(), attended(1, "venue_qr")) is None
    assert evidence_part(an_enrollment(), attended(1, "venue_qr")) is None


def test_evidence_the_rule_does_not_require_does_not_count() -> None:
    enrollment = an_enrollment(a_rule(post_test=None, graded=False, certificate=False))
    assert [evidence_part(enrollment, one) for one in (examined(), graded(), certified())] == [None] * 3


def test_evidence_of_a_rejected_enrollment_changes_nothing() -> None:
    assert [check_evidence(a_rejected_enrollment(), one) for one in ALL] == [None] * 5
    assert [evidence_part(a_rejected_enrollment(), one) for one in ALL] == [None] * 5


def test_no_evidence_counts_after_a_void() -> None:
    enrollment = an_enrollment(a_rule(certificate=True), EnrollmentState.VOIDED)
    assert [evidence_part(enrollment, one) for one in ALL] == [None] * 5


@pytest.mark.parametrize("state", [EnrollmentState.COMPLETED, EnrollmentState.NOT_COMPLETED, EnrollmentState.REVOKED])
def test_evidence_that_comes_after_a_decision_is_kept(state: EnrollmentState) -> None:
    enrollment = an_enrollment(a_rule(certificate=True), state)
    assert [evidence_part(enrollment, one) is None for one in ALL] == [False] * 5


def test_only_a_rating_comes_in_time_after_the_decision() -> None:
    in_time = {
        state: [kind for kind in EvidenceKind if is_in_time(an_enrollment(state=state), kind)]
        for state in EnrollmentState
    }
    assert in_time == {
        **{state: [] for state in EnrollmentState},
        EnrollmentState.OPEN: list(EvidenceKind),
        EnrollmentState.COMPLETED: [EvidenceKind.TRAINING_RATED],
        EnrollmentState.NOT_COMPLETED: [EvidenceKind.TRAINING_RATED],
    }


def test_retaken_tests_are_separate_facts_and_certificates_one() -> None:
    enrollment = an_enrollment(a_rule(certificate=True))
    again = [evidence_part(enrollment, examined(at=LAST_END + hour * HOUR)) for hour in range(2)]
    assert len(set(again)) == 2
    assert evidence_part(enrollment, certified()) == evidence_part(enrollment, certified(at=LAST_END)) == 0


def test_part_of_a_retaken_test_is_its_time_in_whole_microseconds() -> None:
    part = evidence_part(an_enrollment(), examined(at=LAST_END + MICROSECOND))
    assert str(part) == "1677733200000001"


def test_each_session_is_a_separate_fact() -> None:
    assert [evidence_part(an_enrollment(), attended(number)) for number in (1, 2)] == [1, 2]


def test_deadline_is_the_end_of_a_day_in_jakarta() -> None:
    assert a_rule(complete_within_days=30).span.due_at == EVIDENCE_ENDS
    assert a_rule(complete_within_days=0).span.due_at == datetime(2023, 3, 2, 17, 0, tzinfo=UTC)
