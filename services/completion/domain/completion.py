"""Completion of a training: every requirement of its rule is met by evidence, in whatever order it came."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import attrgetter

from services.completion.domain.enrollment import Enrollment
from services.completion.domain.evidence import Evidence, EvidenceKind
from services.completion.domain.evidence_kinds import requirements
from services.completion.domain.rule import CompletionRule
from shared.times import write_time

TIME_AND_PART = attrgetter("happened_at", "part")
CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Completion:
    """A completed training: as much evidence as its rule demands, and the latest time among that."""

    completed_at: datetime
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Incomplete:
    """The requirements that no evidence meets yet, as text."""

    missing: tuple[str, ...]


def decide_completion(rule: CompletionRule, evidence: Iterable[Evidence]) -> Completion | Incomplete:
    """Match each requirement of the rule with evidence; of several retakes, or of more sessions, the earliest.

    Of sessions all that were not attended are missing as long as too few were, since any of them would do.
    """
    earliest = _earliest_by_part(evidence)
    needed: list[Evidence] = []
    missing: list[str] = []
    for requirement in requirements(rule):
        found = [fact for part in requirement.parts if (fact := earliest.get((requirement.kind, part)))]
        if len(found) < requirement.at_least:
            missing += requirement.missing_parts(part for kind, part in earliest if kind is requirement.kind)
        needed += _select_earliest(found, requirement.at_least)
    if missing:
        return Incomplete(tuple(missing))
    return Completion(max(fact.happened_at for fact in needed), tuple(needed))


def _earliest_by_part(evidence: Iterable[Evidence]) -> dict[tuple[EvidenceKind, int | None], Evidence]:
    """Return the earliest fact of each kind and part, and of each kind under the part None."""
    earliest: dict[tuple[EvidenceKind, int | None], Evidence] = {}
    for fact in sorted(evidence, key=TIME_AND_PART):
        earliest.setdefault((fact.kind, fact.part), fact)
        earliest.setdefault((fact.kind, None), fact)
    return earliest


def _select_earliest(facts: Sequence[Evidence], at_most: int) -> Sequence[Evidence]:
    """Return the earliest of the facts, in the order in which they stand."""
    selected = set(sorted(facts, key=TIME_AND_PART)[:at_most])
    return [fact for fact in facts if fact in selected]


def digest_of(enrollment: Enrollment, completion: Completion) -> bytes:
    """Return the SHA-256 of `canonical_form`, so that a reader of the event and of all its evidence can check it."""
    return hashlib.sha256(canonical_form(enrollment, completion).encode()).digest()


def canonical_form(enrollment: Enrollment, completion: Completion) -> str:
    """Return the JSON that the digest covers: keys sorted, no spaces, times in UTC.

    It has the members of `completion_confirmed` but `digest`, `evidence_count` and `reopened_at`, and all evidence,
    however much.
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
