"""The table of evidence kinds: what tells facts of a kind apart, when they can happen, and which rule demands them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Literal

from services.completion.domain.evidence import Evidence, EvidenceKind, ReportedFact
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
    counts_after_completion: bool = False


# `missing` of `completion_rejected` names requirements in this order.
KIND_RULES: Mapping[EvidenceKind, KindRule] = {
    EvidenceKind.SESSION_ATTENDED: KindRule(PartRule.SESSION_NUMBER, WindowRule.SESSION, "sessions", _is_proved),
    EvidenceKind.POST_TEST_TAKEN: KindRule(PartRule.TIME, WindowRule.EVIDENCE_SPAN, "post_test", _is_passed),
    EvidenceKind.WORK_GRADED: KindRule(PartRule.TIME, WindowRule.EVIDENCE_SPAN, "graded"),
    EvidenceKind.CERTIFICATE_ISSUED: KindRule(PartRule.ONCE, WindowRule.EVIDENCE_SPAN, "certificate"),
    EvidenceKind.TRAINING_RATED: KindRule(
        PartRule.ONCE, WindowRule.EVIDENCE_SPAN, demanded_by=None, counts_after_completion=True
    ),
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """A piece of evidence that a rule demands; `part` None: any part of the kind meets it."""

    kind: EvidenceKind
    part: int | None = None

    def is_met_by(self, evidence: Evidence) -> bool:
        return evidence.kind is self.kind and self.part in (None, evidence.part)

    def __str__(self) -> str:
        return self.kind if self.part is None else f"{self.kind}/{self.part}"


# All participants of a class share one rule, so its requirements are listed once.
@lru_cache(maxsize=500)
def requirements(rule: CompletionRule) -> tuple[Requirement, ...]:
    """Return all that the rule demands, in the order of `KIND_RULES`."""
    return tuple(
        Requirement(kind, part)
        for kind, kind_rule in KIND_RULES.items()
        if is_demanded(rule, kind_rule)
        for part in _demanded_parts(rule, kind_rule)
    )


def is_demanded(rule: CompletionRule, kind_rule: KindRule) -> bool:
    return kind_rule.demanded_by is not None and bool(getattr(rule, kind_rule.demanded_by))


def _demanded_parts(rule: CompletionRule, kind_rule: KindRule) -> Sequence[int | None]:
    if kind_rule.part is PartRule.SESSION_NUMBER:
        return [session.sequence for session in rule.sessions]
    return [None]


def part_of(fact: ReportedFact) -> int:
    """Return the part that tells the fact apart from others of its kind."""
    match KIND_RULES[fact.kind].part:
        case PartRule.SESSION_NUMBER:
            return fact.sequence or 0
        case PartRule.TIME:
            return (fact.happened_at - EPOCH) // MICROSECOND
        case PartRule.ONCE:
            return 0
