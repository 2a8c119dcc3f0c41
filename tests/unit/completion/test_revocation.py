"""Revocation of evidence: what counts in its place, and what is left for a completion."""

from services.completion.domain.evidence import Evidence, EvidenceKind, Origin
from services.completion.domain.revocation import Revocation, find_breaking, replace_revoked
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
COMPLETE = [FIRST, SECOND, TEST, WORK]


def again(fact: Evidence, number: int = 1) -> Evidence:
    """Return another event of the same business key, accepted so many days later."""
    return fact._replace(id=f"{fact.id}-{number}", seen_at=SEEN + number * DAY)


def revocation(fact: Evidence) -> Revocation:
    return Revocation(fact.origin, "face_fraud", SEEN)


def breaking(facts: list[Evidence], *revoked: Evidence, known: tuple[Evidence, ...] = ()) -> Evidence | None:
    found = find_breaking(RULE, facts, {fact.origin for fact in known}, [revocation(fact) for fact in revoked])
    return next((fact for fact in facts if found and fact.origin == found.origin), None)


def test_evidence_ends_that_came_by_the_revoked_event_alone() -> None:
    others = [
        Origin(not FIRST.origin.on_attendance, FIRST.source, FIRST.id),
        Origin(True, FIRST.source, SECOND.id + "x"),
        Origin(True, "/attendance/venue", FIRST.id),
    ]
    assert replace_revoked(COMPLETE, [], others) == ([], [])
    assert replace_revoked(COMPLETE, [], [*others, Origin(True, FIRST.source, FIRST.id)]) == ([FIRST], [])


def test_first_accepted_spare_of_the_same_part_is_promoted() -> None:
    last, second, first = (again(FIRST, number)._replace(id=id_) for number, id_ in ((3, "a"), (2, "b"), (1, "c")))
    spares = [again(SECOND), last, first, second]
    assert replace_revoked(COMPLETE, spares, {FIRST.origin}).promoted == [first]
    assert replace_revoked(COMPLETE, spares, {FIRST.origin, first.origin}) == ([FIRST], [second])


def test_what_was_announced_does_not_end() -> None:
    assert replace_revoked([RATING], [again(RATING)], {RATING.origin}) == ([], [])


def test_completion_breaks_with_the_revocation_that_leaves_too_little() -> None:
    retake = TEST._replace(part=TEST.part + 1, id="retake", happened_at=LAST_END + HOUR)
    assert breaking(COMPLETE, FIRST) == FIRST
    assert breaking([*COMPLETE, again(FIRST)], FIRST) is None
    assert breaking([*COMPLETE, again(FIRST)], again(FIRST), FIRST) == FIRST
    assert breaking([*COMPLETE, again(FIRST)], again(FIRST), known=(FIRST,)) == again(FIRST)
    assert breaking([*COMPLETE, retake], TEST) is None
    assert breaking([*COMPLETE, retake], RATING, TEST, retake, WORK) == retake


def test_completion_with_forgotten_evidence_does_not_break() -> None:
    assert breaking([FIRST, SECOND], FIRST) is None


def test_completion_on_some_sessions_breaks_when_too_few_are_left() -> None:
    rule = a_rule(("face",) * 3, sessions_at_least=2, post_test=None, graded=False)
    facts = evidence_of(an_enrollment(rule), *map(attended, (1, 2, 3)))
    assert find_breaking(rule, facts, set(), [revocation(facts[0])]) is None
    assert find_breaking(rule, facts, set(), [revocation(fact) for fact in facts]) == revocation(facts[1])


def test_attendance_alone_is_of_the_topic_of_attendance() -> None:
    assert {fact.kind for fact in (*COMPLETE, RATING) if fact.origin.on_attendance} == {EvidenceKind.SESSION_ATTENDED}
