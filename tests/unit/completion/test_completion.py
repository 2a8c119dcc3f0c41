"""What completes a training: the table of the schemes, line by line."""

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
from services.completion.domain.rule import CompletionRule
from shared.errors import InvariantBroken
from tests.unit.completion.facts import (
    CODE,
    DAY,
    HOUR,
    LAST_END,
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
def test_all_evidence_that_the_rule_demands_completes_a_training(
    rule: CompletionRule, needed: list[ReportedFact]
) -> None:
    assert len(completion(rule, *needed).evidence) == len(needed)


@pytest.mark.parametrize(("rule", "needed"), TABLE.values(), ids=TABLE)
def test_whichever_piece_is_missing_the_training_is_not_completed(
    rule: CompletionRule, needed: list[ReportedFact]
) -> None:
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


def test_a_test_that_was_not_passed_does_not_count_where_it_must_be_passed() -> None:
    assert missing(NORMAL_ONLINE, attended(1), attended(2), examined(passed=False), graded()) == ("post_test_taken",)


def test_a_test_passed_at_the_second_try_is_enough() -> None:
    tries = [examined(passed=False), examined(at=LAST_END + HOUR)]
    assert missing(NORMAL_ONLINE, attended(1), attended(2), *tries, graded()) == ()


def test_a_certificate_does_no_harm_where_none_is_needed() -> None:
    assert len(completion(NORMAL_ONLINE, *TABLE["normal online or self-paced"][1], certified()).evidence) == 4


def test_a_rating_is_not_part_of_what_completes_a_training() -> None:
    outcome = completion(NORMAL_ONLINE, rated(at=LAST_END + 20 * DAY), *TABLE["normal online or self-paced"][1])
    assert "training_rated" not in {fact.kind for fact in outcome.evidence}
    assert outcome.completed_at == LAST_END + HOUR


def test_a_training_is_completed_when_the_last_of_what_was_needed_happened() -> None:
    assert completion(NORMAL_OFFLINE, *TABLE["normal offline"][1]).completed_at == LAST_END


def test_of_two_passed_tests_the_earlier_one_is_named() -> None:
    late, early = examined(at=LAST_END + 2 * DAY), examined(at=LAST_END)
    outcome = completion(NORMAL_OFFLINE, late, attended(1, "venue_qr"), attended(2, "venue_qr"), early)
    assert outcome.completed_at == LAST_END


def test_what_is_missing_is_named_sessions_first() -> None:
    assert missing(SEMI_BANSOS) == (
        "session_attended/1",
        "session_attended/2",
        "post_test_taken",
        "certificate_issued",
    )


def test_a_training_without_sessions_cannot_exist() -> None:
    with pytest.raises(InvariantBroken, match="no sessions"):
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
    with pytest.raises(InvariantBroken, match="rejected"):
        canonical_form(a_rejected_enrollment(), completion(NORMAL_OFFLINE, *TABLE["normal offline"][1]))
