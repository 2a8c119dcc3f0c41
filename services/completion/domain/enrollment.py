"""An enrollment, as far as its completion is concerned."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from services.completion.domain.rule import CompletionRule
from shared.errors import InvariantBroken


class EnrollmentState(StrEnum):
    """State of an enrollment; an `open` one is decided once.

    A `completed` one may be `revoked`, and a `not_completed` one reopened: it is `completed` then.
    """

    OPEN = "open"
    COMPLETED = "completed"
    NOT_COMPLETED = "not_completed"
    REJECTED = "rejected"
    VOIDED = "voided"
    REVOKED = "revoked"


# Terms and enrollments are NamedTuples: one of each is made per row that is loaded for a batch of evidence.
class ConfirmedTerms(NamedTuple):
    """The terms of a confirmed enrollment: provider, version of a scheme, and the rule by which it is completed."""

    provider_id: str
    scheme: str
    scheme_version: int
    rule: CompletionRule


class Enrollment(NamedTuple):
    """One place in one training.

    A rejected one has no terms; `completed_at` and `digest` come with completion. `reopened_at` is set if it was first
    decided that it was not completed.
    """

    redeem_code: str
    participant_id: str
    lane: int
    state: EnrollmentState
    terms: ConfirmedTerms | None
    completed_at: datetime | None = None
    digest: bytes | None = None
    reopened_at: datetime | None = None

    @property
    def confirmed_terms(self) -> ConfirmedTerms:
        """The terms; raises InvariantBroken for a rejected enrollment."""
        if self.terms is None:
            raise InvariantBroken(
                self.redeem_code, "it was rejected and has no terms; check its evidence with `verify`"
            )
        return self.terms

    @property
    def rule(self) -> CompletionRule:
        """The rule by which it is completed; raises InvariantBroken for a rejected enrollment."""
        return self.confirmed_terms.rule
