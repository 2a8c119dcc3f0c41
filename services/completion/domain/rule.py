"""The rule that an enrollment carries: what evidence completes it, and by when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.completion.domain.calendar import end_of_day

Proof = Literal["face", "venue_qr"]
PostTest = Literal["passed", "taken"]


@dataclass(frozen=True, slots=True)
class Session:
    """One meeting, and how attendance of it is proved."""

    sequence: int
    proof: Proof
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Rule:
    """Everything named here is needed. Days are calendar days in Jakarta, counted from the end of the last session.

    `post_test` None: no test is needed. `whole_span`: a session may be attended at any time between the first
    session's start and the last one's end. Raises ValueError without sessions: a certificate alone completes nothing.
    """

    sessions: Sequence[Session]
    post_test: PostTest | None
    graded: bool
    certificate: bool
    whole_span: bool
    evidence_days: int
    complete_within_days: int

    def __post_init__(self) -> None:
        if not self.sessions:
            raise ValueError("a training without sessions cannot be completed")

    @property
    def starts_at(self) -> datetime:
        return min(session.starts_at for session in self.sessions)

    @property
    def ends_at(self) -> datetime:
        return max(session.ends_at for session in self.sessions)

    @property
    def due_at(self) -> datetime:
        """From this moment on what is missing is missing for ever."""
        return end_of_day(self.ends_at, self.complete_within_days)

    def session(self, sequence: int | None) -> Session | None:
        """The session of that number, None if the enrollment has no such session."""
        return next((session for session in self.sessions if session.sequence == sequence), None)
