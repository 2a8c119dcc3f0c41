"""Reopening of a training that was not completed in time, though evidence dated in time came after that."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from services.completion.domain.completion import Completion, Incomplete, decide_completion
from services.completion.domain.evidence import Evidence, Origin
from services.completion.domain.revocation import Replacement, replace_revoked
from services.completion.domain.rule import CompletionRule


class Reopening(NamedTuple):
    """The decision about a training by all evidence that is kept, and how the evidence changes for it."""

    replacement: Replacement
    outcome: Completion | Incomplete


def decide_reopening(
    rule: CompletionRule, evidence: Sequence[Evidence], spares: Sequence[Evidence], revoked: Collection[Origin]
) -> Reopening:
    """Decide about a training again, with the spares in it that nothing else of their business key stands for.

    Spares were accepted, so they happened within their window, which ends no later than the time to complete.
    """
    replacement = replace_revoked(evidence, spares, revoked)
    standing = [fact for fact in evidence if fact not in replacement.ended]
    return Reopening(replacement, decide_completion(rule, [*standing, *replacement.promoted]))
