"""An enrollment as far as its completion goes."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from services.completion.domain.rule import CompletionRule


class EnrollmentState(StrEnum):
    """Where an enrollment stands. Only `open` ever changes."""

    OPEN = "open"
    COMPLETED = "completed"
    NOT_COMPLETED = "not_completed"
    REJECTED = "rejected"


class ConfirmedTerms(NamedTuple):
    """What was confirmed: who trains, under which version of which scheme, and what completes it."""

    provider_id: str
    scheme: str
    scheme_version: int
    rule: CompletionRule


class Enrollment(NamedTuple):
    """One place in one training. A rejected one has no terms; `completed_at` and `digest` come with completion."""

    redeem_code: str
    participant_id: str
    lane: int
    state: EnrollmentState
    terms: ConfirmedTerms | None
    completed_at: datetime | None = None
    digest: bytes | None = None

    @property
    def confirmed_terms(self) -> ConfirmedTerms:
        """The terms; raises ValueError for a rejected enrollment, of which nothing may be asked."""
        if self.terms is None:
            raise ValueError(f"{self.redeem_code} was rejected and has no terms")
        return self.terms

    @property
    def rule(self) -> CompletionRule:
        """What completes it; raises ValueError for a rejected enrollment."""
        return self.confirmed_terms.rule
