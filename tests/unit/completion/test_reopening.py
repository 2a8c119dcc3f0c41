"""Reopening: the decision about a training by all evidence that is kept of it."""

from datetime import datetime

from services.completion.domain.completion import Completion, Incomplete
from services.completion.domain.evidence import Evidence
from services.completion.domain.reopening import decide_reopening
from tests.unit.completion.facts import (
    DAY,
    HOUR,
    LAST_END,
    SEEN,
    a_rule,
    an_enrollment,
    attended,
    evidence_of,
    examined,
    graded,
    rated,
)

RULE = a_rule()
FIRST, SECOND, TEST, WORK, RATING = evidence_of(
    an_enrollment(RULE), attended(1), attended(2), examined(), graded(), rated()
)


def late(fact: Evidence, number: int = 0) -> Evidence:
    return fact._replace(id=f"{fact.id}-{number}", seen_at=SEEN + (60 + number) * DAY)


def completed_at(outcome: Completion | Incomplete) -> datetime:
    assert isinstance(outcome, Completion)
    return outcome.completed_at


def test_late_evidence_completes_a_training_by_its_own_times() -> None:
    found = decide_reopening(RULE, [FIRST, TEST], [late(SECOND), late(WORK), late(RATING)], set())
    assert found.replacement == ([], [late(SECOND), late(WORK)])
    assert completed_at(found.outcome) == LAST_END + HOUR


def test_what_no_evidence_is_kept_of_is_missing() -> None:
    found = decide_reopening(RULE, [FIRST, TEST], [late(SECOND)], set())
    assert found.outcome == Incomplete(("work_graded",))


def test_revoked_evidence_gives_way_to_a_spare() -> None:
    spares, revoked = [late(FIRST, 2), late(FIRST, 1), late(SECOND), late(WORK)], {FIRST.origin, late(FIRST, 1).origin}
    found = decide_reopening(RULE, [FIRST, TEST], spares, revoked)
    assert found.replacement.ended == [FIRST]
    assert set(found.replacement.promoted) == {late(FIRST, 2), late(SECOND), late(WORK)}
    assert isinstance(found.outcome, Completion)
    without = decide_reopening(RULE, [FIRST, TEST], spares[1:], revoked)
    assert without.outcome == Incomplete(("session_attended/1",))


def test_spare_beside_evidence_of_its_key_changes_nothing() -> None:
    found = decide_reopening(RULE, [FIRST, SECOND, TEST], [late(SECOND), late(WORK)], set())
    assert found.replacement == ([], [late(WORK)])


def test_of_late_retakes_the_earliest_counts() -> None:
    early = TEST._replace(part=TEST.part - 1, id="early", happened_at=LAST_END - HOUR)
    found = decide_reopening(RULE, [FIRST, SECOND, TEST], [early, late(WORK)], set())
    assert isinstance(found.outcome, Completion)
    assert early in found.outcome.evidence
    assert TEST not in found.outcome.evidence
