"""Revocation of evidence: the events that report nothing any more, and what counts in their place."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from services.completion.domain.completion import Incomplete, decide_completion
from services.completion.domain.evidence import Evidence, Origin
from services.completion.domain.evidence_kinds import KIND_RULES
from services.completion.domain.rule import CompletionRule

AS_ACCEPTED = attrgetter("seen_at", "happened_at", "source", "id")


class Revocation(NamedTuple):
    """The end of an event that reported evidence, or will report it."""

    origin: Origin
    reason: str
    revoked_at: datetime


class Replacement(NamedTuple):
    """Evidence that ends before a decision, and the spares that count in its place."""

    ended: list[Evidence]
    promoted: list[Evidence]


def select_standing(facts: Iterable[Evidence], revoked: Collection[Origin]) -> list[Evidence]:
    """Return the facts that are not revoked."""
    return [fact for fact in facts if fact.origin not in revoked]


def replace_revoked(
    evidence: Iterable[Evidence], spares: Iterable[Evidence], revoked: Collection[Origin]
) -> Replacement:
    """Return what ends in an enrollment, and of the spares the first accepted one of each part that is vacant.

    What was announced when it was accepted, such as a rating, ends no more, and no spare takes its place.
    """
    ended = [fact for fact in evidence if fact.origin in revoked and not KIND_RULES[fact.kind].counts_after_decision]
    held = {(fact.kind, fact.part) for fact in evidence if fact not in ended}
    promoted: dict[tuple[str, int], Evidence] = {}
    for fact in sorted(select_standing(spares, revoked), key=AS_ACCEPTED):
        if (fact.kind, fact.part) not in held and not KIND_RULES[fact.kind].counts_after_decision:
            promoted.setdefault((fact.kind, fact.part), fact)
    return Replacement(ended, list(promoted.values()))


def find_breaking(
    rule: CompletionRule, facts: Iterable[Evidence], revoked: Collection[Origin], further: Sequence[Revocation]
) -> Revocation | None:
    """Return the one of the further revocations that leaves too little for a completion, None if enough is left.

    None as well for a completion whose evidence was forgotten: what it rests on is not known.
    """
    left = select_standing(facts, revoked)
    if isinstance(decide_completion(rule, left), Incomplete):
        return None
    origins = {fact.origin for fact in left}
    for revocation in further:
        if revocation.origin not in origins:
            continue
        left = select_standing(left, (revocation.origin,))
        if isinstance(decide_completion(rule, left), Incomplete):
            return revocation
    return None
