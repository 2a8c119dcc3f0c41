"""The rule that an enrollment carries: what evidence completes it, and by when."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from services.completion.domain.calendar import end_of_day

Proof = Literal["face", "venue_qr"]
PostTest = Literal["passed", "taken"]


class RequiredSession(NamedTuple):
    """One meeting, and how attendance of it is proved."""

    sequence: int
    proof: Proof
    starts_at: datetime
    ends_at: datetime


class EvidenceSpan(NamedTuple):
    """The times that follow from the sessions: first start and last end, and the two midnights after which evidence
    happens too late, and what is missing is missing for ever.
    """

    starts_at: datetime
    ends_at: datetime
    evidence_until: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class CompletionRule:
    """Everything named here is needed. Days are calendar days in Jakarta, counted from the end of the last session.

    `post_test` None: no test is needed. `whole_span`: a session may be attended at any time between the first
    session's start and the last one's end. `span` is worked out once, since everybody in a class shares the rule.
    Raises ValueError without sessions: a certificate alone completes nothing.
    """

    sessions: Sequence[RequiredSession]
    post_test: PostTest | None
    graded: bool
    certificate: bool
    whole_span: bool
    evidence_days: int
    complete_within_days: int
    span: EvidenceSpan = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.sessions:
            raise ValueError("a training without sessions cannot be completed")
        ends_at = max(session.ends_at for session in self.sessions)
        span = EvidenceSpan(
            starts_at=min(session.starts_at for session in self.sessions),
            ends_at=ends_at,
            evidence_until=end_of_day(ends_at, self.evidence_days),
            due_at=end_of_day(ends_at, self.complete_within_days),
        )
        object.__setattr__(self, "span", span)

    @property
    def requirement_count(self) -> int:
        """How many pieces of evidence it takes."""
        return len(self.sessions) + (self.post_test is not None) + self.graded + self.certificate

    def session(self, sequence: int | None) -> RequiredSession | None:
        """The session of that number, None if the enrollment has no such session."""
        return next((session for session in self.sessions if session.sequence == sequence), None)
