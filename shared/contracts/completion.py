"""The events of the completion service on `completion.events`."""

from typing import Annotated

from pydantic import Field

from shared.contracts.events import EventType
from shared.contracts.fields import Code, Internal, ParticipantId, RedeemCode, Time
from shared.contracts.topics import COMPLETION_EVENTS

MAX_EVIDENCE_NAMED = 64


class EvidenceNamed(Internal):
    """A piece of evidence of a completion: its type and origin, when it happened and when it was received."""

    type: str
    source: str
    id: str
    happened_at: Time
    seen_at: Time


class TrainingCompleted(Internal):
    """The fields of `completion_confirmed` on which the other services act.

    `reopened_at`: when two persons completed it, long after it was rejected; None: it was completed in time.
    """

    participant_id: ParticipantId
    redeem_code: RedeemCode
    completed_at: Time
    reopened_at: Time | None = None


class CompletionConfirmed(TrainingCompleted):
    """A training completed. `completed_at` is the time of the evidence that completed it.

    `digest` is SHA-256, in hex, over the canonical form with all evidence (docs/contracts). `evidence` names the first
    64 pieces, `evidence_count` is the number of all, which completion shows over HTTP. Events of before that limit name
    all and have no count.
    """

    evidence: Annotated[tuple[EvidenceNamed, ...], Field(strict=False)]
    digest: str
    scheme: Code
    scheme_version: int
    evidence_count: int | None = None


class CompletionRejected(Internal):
    participant_id: ParticipantId
    redeem_code: RedeemCode
    reason: str
    missing: Annotated[tuple[str, ...], Field(strict=False)]


class TrainingRated(Internal):
    participant_id: ParticipantId
    redeem_code: RedeemCode
    stars: int
    rated_at: Time


class EvidenceReference(Internal):
    """The `ce_source` and `ce_id` of the event that reported a piece of evidence."""

    source: str
    id: str


class CompletionRevoked(Internal):
    """A completion that no longer stands. `evidence` was revoked, `digest` is that of all on which it had rested."""

    participant_id: ParticipantId
    redeem_code: RedeemCode
    reason: str
    evidence: EvidenceReference
    digest: str
    revoked_at: Time


class SurveyAnswered(Internal):
    """A survey answered for the first time, reported with the training that it belongs to."""

    participant_id: ParticipantId
    redeem_code: RedeemCode
    survey: int
    answered_at: Time


COMPLETION_CONFIRMED = EventType(
    "salur.completion.completion_confirmed.v1", COMPLETION_EVENTS, CompletionConfirmed, "completed_at"
)
COMPLETION_REJECTED = EventType("salur.completion.completion_rejected.v1", COMPLETION_EVENTS, CompletionRejected)
TRAINING_RATED = EventType("salur.completion.training_rated.v1", COMPLETION_EVENTS, TrainingRated, "rated_at")
COMPLETION_REVOKED = EventType(
    "salur.completion.completion_revoked.v1", COMPLETION_EVENTS, CompletionRevoked, "revoked_at"
)
SURVEY_ANSWERED = EventType("salur.completion.survey_answered.v1", COMPLETION_EVENTS, SurveyAnswered, "answered_at")

EVENTS = (COMPLETION_CONFIRMED, COMPLETION_REJECTED, TRAINING_RATED, COMPLETION_REVOKED, SURVEY_ANSWERED)
