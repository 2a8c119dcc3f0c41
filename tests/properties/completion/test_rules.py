"""Completion under arbitrary rules: exactly when every requirement is met by evidence."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.completion.domain.completion import Completion, Incomplete, decide_completion, digest_of
from services.completion.domain.evidence import Evidence, EvidenceKind
from services.completion.domain.evidence_kinds import pieces_demanded
from services.completion.domain.rule import CompletionRule
from tests.unit.completion.facts import LAST_END, SEEN, a_rule, an_enrollment

PROOFS = st.lists(st.sampled_from(["face", "venue_qr"]), min_size=1, max_size=5).map(tuple)
RULES = st.builds(
    lambda proofs, share, **demands: a_rule(proofs, sessions_at_least=share and min(share, len(proofs)), **demands),
    PROOFS,
    st.none() | st.integers(1, 5),
    post_test=st.sampled_from(["passed", "taken", None]),
    graded=st.booleans(),
    certificate=st.booleans(),
)
RETAKEN = (EvidenceKind.POST_TEST_TAKEN, EvidenceKind.WORK_GRADED)


def a_fact(kind: EvidenceKind, number: int, minutes: int) -> Evidence:
    """Build evidence; the part of a test or of graded work is its time."""
    part = minutes if kind in RETAKEN else number
    return Evidence(kind, part, "/a", f"{kind}-{part}", LAST_END + timedelta(minutes=minutes), SEEN)


FACTS = st.builds(a_fact, st.sampled_from(EvidenceKind), st.integers(0, 6), st.integers(0, 9000))
EVIDENCE = st.lists(FACTS, max_size=25, unique_by=lambda fact: (fact.kind, fact.part))


@given(RULES, EVIDENCE)
def test_training_is_completed_exactly_when_every_requirement_is_met(
    rule: CompletionRule, evidence: list[Evidence]
) -> None:
    attended = {fact.part for fact in evidence if fact.kind is EvidenceKind.SESSION_ATTENDED}
    kinds = {fact.kind for fact in evidence}
    met = (
        len(attended & {session.sequence for session in rule.sessions}) >= rule.sessions_demanded
        and (rule.post_test is None or EvidenceKind.POST_TEST_TAKEN in kinds)
        and (not rule.graded or EvidenceKind.WORK_GRADED in kinds)
        and (not rule.certificate or EvidenceKind.CERTIFICATE_ISSUED in kinds)
    )
    assert isinstance(decide_completion(rule, evidence), Completion) == met


@given(RULES, EVIDENCE.flatmap(lambda facts: st.tuples(st.just(facts), st.permutations(facts))))
def test_order_of_evidence_changes_neither_outcome_nor_digest(
    rule: CompletionRule, orders: tuple[list[Evidence], list[Evidence]]
) -> None:
    outcome, again = (decide_completion(rule, facts) for facts in orders)
    assert outcome == again
    if isinstance(outcome, Completion) and isinstance(again, Completion):
        assert digest_of(an_enrollment(rule), outcome) == digest_of(an_enrollment(rule), again)


@given(RULES, EVIDENCE, EVIDENCE)
def test_more_evidence_never_undoes_a_completion(
    rule: CompletionRule, evidence: list[Evidence], more: list[Evidence]
) -> None:
    if isinstance(decide_completion(rule, evidence), Completion):
        assert isinstance(decide_completion(rule, [*evidence, *more]), Completion)


@given(RULES, EVIDENCE)
def test_completion_is_dated_when_its_last_requirement_was_met(rule: CompletionRule, evidence: list[Evidence]) -> None:
    outcome = decide_completion(rule, evidence)
    if isinstance(outcome, Completion):
        before = [fact for fact in evidence if fact.happened_at < outcome.completed_at]
        until = [fact for fact in evidence if fact.happened_at <= outcome.completed_at]
        assert isinstance(decide_completion(rule, before), Incomplete)
        assert decide_completion(rule, until) == outcome
        assert len(outcome.evidence) == pieces_demanded(rule)
