"""Completion of trainings by the rules of both schemes."""

import hashlib
import json

import pytest

from services.completion.domain.completion import (
    Completion,
    Incomplete,
    canonical_form,
    decide_completion,
    digest_of,
)
from services.completion.domain.evidence import ReportedFact
from services.completion.domain.evidence_kinds import pieces_demanded
from services.completion.domain.rule import CompletionRule, Proof
from shared.errors import InvariantBroken
from tests.unit.completion.facts import (
    CODE,
    DAY,
    FIRST_START,
    HOUR,
    LAST_END,
    PARTICIPANT,
    a_rejected_enrollment,
    a_rule,
    an_enrollment,
    attended,
    certified,
    evidence_of,
    examined,
    graded,
    rated,
)

NORMAL_ONLINE = a_rule(("face", "face"))
NORMAL_OFFLINE = a_rule(("venue_qr", "venue_qr"), graded=False)
NORMAL_HYBRID = a_rule(("face", "venue_qr"))
SEMI_BANSOS = a_rule(("face", "face"), post_test="taken", graded=False, certificate=True)

TABLE = {
    "normal online or self-paced": (NORMAL_ONLINE, [attended(1), attended(2), examined(), graded()]),
    "normal offline": (NORMAL_OFFLINE, [attended(1, "venue_qr"), attended(2, "venue_qr"), examined()]),
    "normal hybrid": (NORMAL_HYBRID, [attended(1), attended(2, "venue_qr"), examined(), graded()]),
    "semi-bansos": (SEMI_BANSOS, [attended(1), attended(2), examined(passed=False), certified()]),
}


def missing(rule: CompletionRule, *facts: ReportedFact) -> tuple[str, ...]:
    outcome = decide_completion(rule, evidence_of(an_enrollment(rule), *facts))
    return outcome.missing if isinstance(outcome, Incomplete) else ()


def completion(rule: CompletionRule, *facts: ReportedFact) -> Completion:
    outcome = decide_completion(rule, evidence_of(an_enrollment(rule), *facts))
    assert isinstance(outcome, Completion)
    return outcome


@pytest.mark.parametrize(("rule", "needed"), TABLE.values(), ids=TABLE)
def test_all_demanded_evidence_completes_a_training(rule: CompletionRule, needed: list[ReportedFact]) -> None:
    assert len(completion(rule, *needed).evidence) == len(needed)


@pytest.mark.parametrize(("rule", "needed"), TABLE.values(), ids=TABLE)
def test_training_is_incomplete_without_any_one_piece(rule: CompletionRule, needed: list[ReportedFact]) -> None:
    for absent in needed:
        others = [fact for fact in needed if fact is not absent]
        name = f"{absent.kind}/{absent.sequence}" if absent.sequence else absent.kind
        assert missing(rule, *others) == (name,)


@pytest.mark.parametrize(("rule", "needed"), TABLE.values(), ids=TABLE)
def test_the_other_proof_of_a_session_does_not_count(rule: CompletionRule, needed: list[ReportedFact]) -> None:
    assert missing(rule, attended(1, "venue_qr" if needed[0].proof == "face" else "face"), *needed[1:]) == (
        "session_attended/1",
    )


@pytest.mark.parametrize(("rule", "needed"), TABLE.values(), ids=TABLE)
def test_a_certificate_alone_never_completes_anything(rule: CompletionRule, needed: list[ReportedFact]) -> None:
    assert missing(rule, certified())
    assert len(missing(rule, certified())) == len([one for one in needed if one.kind != "certificate_issued"])


def test_failed_test_does_not_count_where_it_must_be_passed() -> None:
    assert missing(NORMAL_ONLINE, attended(1), attended(2), examined(passed=False), graded()) == ("post_test_taken",)


def test_a_test_passed_at_the_second_try_is_enough() -> None:
    tries = [examined(passed=False), examined(at=LAST_END + HOUR)]
    assert missing(NORMAL_ONLINE, attended(1), attended(2), *tries, graded()) == ()


def test_certificate_is_ignored_where_none_is_needed() -> None:
    assert len(completion(NORMAL_ONLINE, *TABLE["normal online or self-paced"][1], certified()).evidence) == 4


def test_rating_is_not_needed_for_completion() -> None:
    outcome = completion(NORMAL_ONLINE, rated(at=LAST_END + 20 * DAY), *TABLE["normal online or self-paced"][1])
    assert "training_rated" not in {fact.kind for fact in outcome.evidence}
    assert outcome.completed_at == LAST_END + HOUR


def test_completion_time_is_that_of_the_last_needed_evidence() -> None:
    assert completion(NORMAL_OFFLINE, *TABLE["normal offline"][1]).completed_at == LAST_END


def test_of_two_passed_tests_the_earlier_one_is_named() -> None:
    late, early = examined(at=LAST_END + 2 * DAY), examined(at=LAST_END)
    outcome = completion(NORMAL_OFFLINE, late, attended(1, "venue_qr"), attended(2, "venue_qr"), early)
    assert outcome.completed_at == LAST_END


def test_of_two_reports_of_one_session_the_earlier_one_is_named() -> None:
    late, early = attended(2, at=LAST_END + HOUR)._replace(id="a"), attended(2)._replace(id="b")
    outcome = completion(a_rule(post_test=None, graded=False), attended(1), late, early)
    assert [fact.id for fact in outcome.evidence[1:]] == ["b"]
    assert outcome.completed_at == FIRST_START + DAY


def test_missing_requirements_are_named_sessions_first() -> None:
    assert missing(SEMI_BANSOS) == (
        "session_attended/1",
        "session_attended/2",
        "post_test_taken",
        "certificate_issued",
    )


FACES: tuple[Proof, ...] = ("face",) * 5
THREE_OF_FIVE = a_rule(FACES, sessions_at_least=3, graded=False)


def test_as_many_sessions_as_are_demanded_complete_a_training() -> None:
    assert missing(THREE_OF_FIVE, attended(5), attended(2), attended(1), examined()) == ()
    assert missing(THREE_OF_FIVE, attended(5), attended(2), examined()) == (
        "session_attended/1",
        "session_attended/3",
        "session_attended/4",
    )
    assert missing(a_rule(FACES, sessions_at_least=5, graded=False), *map(attended, range(1, 5)), examined()) == (
        "session_attended/5",
    )


def test_completion_rests_on_the_earliest_sessions_that_suffice() -> None:
    outcome = completion(THREE_OF_FIVE, *map(attended, (5, 3, 1, 2)), examined(at=LAST_END - DAY))
    assert [fact.part for fact in outcome.evidence[:3]] == [1, 2, 3]
    assert outcome.completed_at == FIRST_START + 2 * DAY


def test_of_sessions_attended_at_one_time_the_first_ones_count() -> None:
    together = [attended(number, at=LAST_END) for number in (4, 2, 5, 1)]
    outcomes = [completion(THREE_OF_FIVE, *some, examined()) for some in (together, reversed(together))]
    assert [fact.part for fact in outcomes[0].evidence[:3]] == [1, 2, 4]
    assert outcomes[0] == outcomes[1]


def test_of_more_sessions_than_demanded_those_attended_first_count() -> None:
    rule = a_rule(FACES, sessions_at_least=3, whole_span=True, post_test=None, graded=False)
    at_own_pace = [attended(number, at=LAST_END - number * HOUR) for number in (1, 2, 3, 4, 5)]
    assert [fact.part for fact in completion(rule, *at_own_pace).evidence] == [3, 4, 5]


@pytest.mark.parametrize(("sessions", "pieces"), [(None, 6), (1, 2), (5, 6)])
def test_fewer_pieces_than_the_rule_demands_are_not_worth_loading(sessions: int | None, pieces: int) -> None:
    assert pieces_demanded(a_rule(FACES, sessions_at_least=sessions, graded=False)) == pieces


@pytest.mark.parametrize("at_least", [0, 3])
def test_rule_that_no_number_of_sessions_meets_is_refused(at_least: int) -> None:
    with pytest.raises(InvariantBroken, match=f"^completion rule: it demands {at_least} of 2 sessions"):
        a_rule(sessions_at_least=at_least)


def test_rule_without_sessions_is_refused() -> None:
    with pytest.raises(InvariantBroken, match=r"^completion rule: it has no sessions"):
        a_rule((), certificate=True)


def test_the_digest_is_that_of_the_canonical_form() -> None:
    outcome = completion(NORMAL_OFFLINE, *TABLE["normal offline"][1])
    text = canonical_form(an_enrollment(NORMAL_OFFLINE), outcome)
    document = json.loads(text)

    assert digest_of(an_enrollment(NORMAL_OFFLINE), outcome) == hashlib.sha256(text.encode()).digest()
    assert text == json.dumps(document, sort_keys=True, separators=(",", ":"))
    assert (document["redeem_code"], document["completed_at"]) == (CODE, "2023-03-02T05:00:00Z")
    assert document["evidence"][0]["happened_at"] == "2023-03-01T02:00:00Z"


def test_a_rejected_enrollment_has_no_canonical_form() -> None:
    with pytest.raises(InvariantBroken, match=f"^{CODE}: it was rejected and has no terms"):
        canonical_form(a_rejected_enrollment(), completion(NORMAL_OFFLINE, *TABLE["normal offline"][1]))


def test_canonical_form_has_the_members_of_the_event() -> None:
    outcome = completion(NORMAL_OFFLINE, *TABLE["normal offline"][1])
    first, *_ = outcome.evidence
    document = json.loads(canonical_form(an_enrollment(NORMAL_OFFLINE), outcome))
    assert document | {"evidence": len(document["evidence"])} == {
        "participant_id": PARTICIPANT,
        "redeem_code": CODE,
        "completed_at": "2023-03-02T05:00:00Z",
        "evidence": 3,
        "scheme": "normal-2023",
        "scheme_version": 1,
    }
    assert document["evidence"][0] == {
        "type": "session_attended",
        "source": first.source,
        "id": first.id,
        "happened_at": "2023-03-01T02:00:00Z",
        "seen_at": "2023-03-10T00:00:00Z",
    }
