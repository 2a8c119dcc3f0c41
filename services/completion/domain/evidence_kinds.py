"""The table of evidence kinds: what tells facts of a kind apart, when they can happen, and which rule demands them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Literal

from services.completion.domain.evidence import EvidenceKind, ReportedFact
from services.completion.domain.rule import CompletionRule

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00Z")
MICROSECOND = timedelta(microseconds=1)


class PartRule(StrEnum):
    """The part of a fact, which is the last member of its business key (redeem code, kind, part)."""

    SESSION_NUMBER = "session number"
    TIME = "time in microseconds"
    ONCE = "0"


class WindowRule(StrEnum):
    """The window in which a fact can have happened.

    A session's window is an hour wider than the session on both sides; where sessions are attended at one's own pace,
    it is the span from the first start to the last end. The evidence span goes on to the end of the evidence days.
    """

    SESSION = "session"
    EVIDENCE_SPAN = "evidence span"


def _is_proved(rule: CompletionRule, fact: ReportedFact) -> bool:
    session = rule.session(fact.sequence)
    return session is not None and session.proof == fact.proof


def _is_passed(rule: CompletionRule, fact: ReportedFact) -> bool:
    return rule.post_test == "taken" or fact.passed is True


def _always(_: CompletionRule, __: ReportedFact) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class KindRule:
    """The rules of one kind of evidence.

    `demanded_by` names the field of a completion rule that demands the kind. None: no rule demands it, and it always
    counts. `satisfies` tells whether a fact is good enough for a rule that demands its kind.
    """

    part: PartRule
    window: WindowRule
    demanded_by: Literal["sessions", "post_test", "graded", "certificate"] | None
    satisfies: Callable[[CompletionRule, ReportedFact], bool] = _always
    counts_after_decision: bool = False


# `missing` of `completion_rejected` names requirements in this order.
KIND_RULES: Mapping[EvidenceKind, KindRule] = {
    EvidenceKind.SESSION_ATTENDED: KindRule(PartRule.SESSION_NUMBER, WindowRule.SESSION, "sessions", _is_proved),
    EvidenceKind.POST_TEST_TAKEN: KindRule(PartRule.TIME, WindowRule.EVIDENCE_SPAN, "post_test", _is_passed),
    EvidenceKind.WORK_GRADED: KindRule(PartRule.TIME, WindowRule.EVIDENCE_SPAN, "graded"),
    EvidenceKind.CERTIFICATE_ISSUED: KindRule(PartRule.ONCE, WindowRule.EVIDENCE_SPAN, "certificate"),
    EvidenceKind.TRAINING_RATED: KindRule(
        PartRule.ONCE, WindowRule.EVIDENCE_SPAN, demanded_by=None, counts_after_decision=True
    ),
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """Evidence of one kind that a rule demands: so many of these parts. The part None: any part of the kind."""

    kind: EvidenceKind
    parts: tuple[int | None, ...]
    at_least: int

    def missing_parts(self, known: Iterable[int | None]) -> list[str]:
        """Name those of the parts that are not known."""
        present = set(known)
        return [self.kind if part is None else f"{self.kind}/{part}" for part in self.parts if part not in present]


# All participants of a class share one rule, so its requirements are listed once.
@lru_cache(maxsize=500)
def requirements(rule: CompletionRule) -> tuple[Requirement, ...]:
    """Return all that the rule demands, in the order of `KIND_RULES`."""
    return tuple(_requirement(kind, rule) for kind, kind_rule in KIND_RULES.items() if is_demanded(rule, kind_rule))


def _requirement(kind: EvidenceKind, rule: CompletionRule) -> Requirement:
    if KIND_RULES[kind].part is PartRule.SESSION_NUMBER:
        return Requirement(kind, tuple(session.sequence for session in rule.sessions), rule.sessions_demanded)
    return Requirement(kind, (None,), at_least=1)


def pieces_demanded(rule: CompletionRule) -> int:
    """Return the number of pieces of evidence without which nothing can meet the rule."""
    return sum(requirement.at_least for requirement in requirements(rule))


def is_demanded(rule: CompletionRule, kind_rule: KindRule) -> bool:
    return kind_rule.demanded_by is not None and bool(getattr(rule, kind_rule.demanded_by))


def part_of(fact: ReportedFact) -> int:
    """Return the part that tells the fact apart from others of its kind."""
    match KIND_RULES[fact.kind].part:
        case PartRule.SESSION_NUMBER:
            return fact.sequence or 0
        case PartRule.TIME:
            return (fact.happened_at - EPOCH) // MICROSECOND
        case PartRule.ONCE:
            return 0
