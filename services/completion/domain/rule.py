"""The rule that an enrollment carries: which evidence completes it, and by when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from services.completion.domain.calendar import end_of_day
from shared.errors import InvariantBroken

Proof = Literal["face", "venue_qr"]
PostTest = Literal["passed", "taken"]


# A NamedTuple: one is made per session of each confirmed enrollment, before its rule is found in the cache.
class RequiredSession(NamedTuple):
    """One session of a training, and the proof that its attendance needs."""

    sequence: int
    proof: Proof
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class EvidenceSpan:
    """Times that follow from the sessions of a training.

    `starts_at` is the first start and `ends_at` the last end. Evidence must happen before the midnight
    `evidence_until`, and the training must be complete before the midnight `due_at`.
    """

    starts_at: datetime
    ends_at: datetime
    evidence_until: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class CompletionRule:
    """The evidence that completes a training. Days are calendar days in Jakarta after the end of the last session.

    `post_test` None: no test is needed. `whole_span`: a session may be attended at any time between the first
    session's start and the last one's end. `sessions_at_least` None: all sessions must be attended. `span` and
    `by_sequence` are computed once, since all participants of a class share the rule. Raise InvariantBroken without
    sessions, since a certificate alone completes no training, and for a number of them that nobody can attend.
    """

    sessions: Sequence[RequiredSession]
    post_test: PostTest | None
    graded: bool
    certificate: bool
    whole_span: bool
    evidence_days: int
    complete_within_days: int
    sessions_at_least: int | None = None
    span: EvidenceSpan = field(init=False, compare=False, repr=False)
    by_sequence: Mapping[int | None, RequiredSession] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.sessions:
            raise InvariantBroken("completion rule", "it has no sessions; find out how such a training was confirmed")
        if not 1 <= self.sessions_demanded <= len(self.sessions):
            raise InvariantBroken(
                "completion rule",
                f"it demands {self.sessions_demanded} of {len(self.sessions)} sessions; find out how it was confirmed",
            )
        ends_at = max(session.ends_at for session in self.sessions)
        span = EvidenceSpan(
            starts_at=min(session.starts_at for session in self.sessions),
            ends_at=ends_at,
            evidence_until=end_of_day(ends_at, self.evidence_days),
            due_at=end_of_day(ends_at, self.complete_within_days),
        )
        object.__setattr__(self, "span", span)
        object.__setattr__(self, "by_sequence", {session.sequence: session for session in self.sessions})

    @property
    def sessions_demanded(self) -> int:
        """The number of sessions that must be attended."""
        return len(self.sessions) if self.sessions_at_least is None else self.sessions_at_least

    def session(self, sequence: int | None) -> RequiredSession | None:
        """Return the session of that number, None if the training has none."""
        return self.by_sequence.get(sequence)
