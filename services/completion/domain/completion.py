"""Completion is a conjunction over evidence, whatever the order in which it came."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from services.completion.domain.enrollment import Enrollment
from services.completion.domain.evidence import Evidence, EvidenceKind
from services.completion.domain.rule import CompletionRule
from shared.times import write_time

CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Requirement(NamedTuple):
    """A kind of evidence that is needed; `part` None: any part of that kind will do."""

    kind: EvidenceKind
    part: int | None = None

    def is_met_by(self, evidence: Evidence) -> bool:
        return evidence.kind is self.kind and self.part in (None, evidence.part)

    def __str__(self) -> str:
        return self.kind if self.part is None else f"{self.kind}/{self.part}"


class Completion(NamedTuple):
    """The evidence needed, one for each requirement; `completed_at` is the latest time among it."""

    completed_at: datetime
    evidence: tuple[Evidence, ...]


class Incomplete(NamedTuple):
    """What is missing, in the words of `Requirement`."""

    missing: tuple[str, ...]


def requirements(rule: CompletionRule) -> Iterator[Requirement]:
    """All that is needed, sessions first."""
    for session in rule.sessions:
        yield Requirement(EvidenceKind.SESSION_ATTENDED, session.sequence)
    if rule.post_test is not None:
        yield Requirement(EvidenceKind.POST_TEST_TAKEN)
    if rule.graded:
        yield Requirement(EvidenceKind.WORK_GRADED)
    if rule.certificate:
        yield Requirement(EvidenceKind.CERTIFICATE_ISSUED)


def decide_completion(rule: CompletionRule, evidence: Iterable[Evidence]) -> Completion | Incomplete:
    """Of several retakes that would do, the one that happened first is the one it rests on."""
    by_time = sorted(evidence, key=lambda fact: fact.happened_at)
    needed: list[Evidence] = []
    missing: list[str] = []
    for requirement in requirements(rule):
        found = next((fact for fact in by_time if requirement.is_met_by(fact)), None)
        if found is None:
            missing.append(str(requirement))
        else:
            needed.append(found)
    if missing:
        return Incomplete(tuple(missing))
    return Completion(max(fact.happened_at for fact in needed), tuple(needed))


def digest_of(enrollment: Enrollment, completion: Completion) -> bytes:
    """SHA-256 over `canonical_form`: whoever holds the event and all evidence can compute it again."""
    return hashlib.sha256(canonical_form(enrollment, completion).encode()).digest()


def canonical_form(enrollment: Enrollment, completion: Completion) -> str:
    """Return what `completion_confirmed` says, all evidence named: JSON with sorted keys, no spaces, times in UTC."""
    terms = enrollment.confirmed_terms
    document = {
        "participant_id": enrollment.participant_id,
        "redeem_code": enrollment.redeem_code,
        "completed_at": _time(completion.completed_at),
        "evidence": [_evidence_document(fact) for fact in completion.evidence],
        "scheme": terms.scheme,
        "scheme_version": terms.scheme_version,
    }
    return CANONICAL.encode(document)


def _evidence_document(fact: Evidence) -> dict[str, str]:
    return {
        "type": fact.kind,
        "source": fact.source,
        "id": fact.id,
        "happened_at": _time(fact.happened_at),
        "seen_at": _time(fact.seen_at),
    }


# All that a batch brings was seen at the same moment, and a class ends for everybody at once.
_time = lru_cache(maxsize=1024)(write_time)
