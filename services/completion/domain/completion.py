"""Completion of a training: every requirement of its rule is met by evidence, in whatever order it came."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from services.completion.domain.enrollment import Enrollment
from services.completion.domain.evidence import Evidence
from services.completion.domain.evidence_kinds import requirements
from services.completion.domain.rule import CompletionRule
from shared.times import write_time

CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Completion:
    """A completed training: one piece of evidence per requirement, and the latest time among them."""

    completed_at: datetime
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Incomplete:
    """The requirements that no evidence meets yet, as text."""

    missing: tuple[str, ...]


def decide_completion(rule: CompletionRule, evidence: Iterable[Evidence]) -> Completion | Incomplete:
    """Match each requirement of the rule with evidence; of several retakes the earliest one is taken."""
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
    """Return the SHA-256 of `canonical_form`, so that a reader of the event and of all its evidence can check it."""
    return hashlib.sha256(canonical_form(enrollment, completion).encode()).digest()


def canonical_form(enrollment: Enrollment, completion: Completion) -> str:
    """Return the JSON that the digest covers: keys sorted, no spaces, times in UTC.

    It has the members of `completion_confirmed` but `digest` and `evidence_count`, and all evidence, however much.
    """
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


# A batch shares `seen_at` and a class its end, so few different times are written.
_time = lru_cache(maxsize=1024)(write_time)
