"""What the completion service says on `completion.events`."""

from typing import Annotated

from pydantic import Field

from shared.contracts.events import EventType
from shared.contracts.fields import Code, Internal, ParticipantId, RedeemCode, Time
from shared.contracts.topics import COMPLETION_EVENTS

MAX_EVIDENCE_NAMED = 64


class EvidenceNamed(Internal):
    """One fact a completion rests on: its type, where it came from, when it happened and when it was seen."""

    type: str
    source: str
    id: str
    happened_at: Time
    seen_at: Time


class CompletionConfirmed(Internal):
    """`completed_at` is the time of the evidence that completed it; `digest` is SHA-256 over all of it, hex.

    `evidence` names the first 64 pieces, `evidence_count` says how many there are, and completion answers all of them
    over HTTP. What was said before the bound was made names all and has no count.
    """

    participant_id: ParticipantId
    redeem_code: RedeemCode
    completed_at: Time
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


COMPLETION_CONFIRMED = EventType(
    "salur.completion.completion_confirmed.v1", COMPLETION_EVENTS, CompletionConfirmed, "completed_at"
)
COMPLETION_REJECTED = EventType("salur.completion.completion_rejected.v1", COMPLETION_EVENTS, CompletionRejected)
TRAINING_RATED = EventType("salur.completion.training_rated.v1", COMPLETION_EVENTS, TrainingRated, "rated_at")

EVENTS = (COMPLETION_CONFIRMED, COMPLETION_REJECTED, TRAINING_RATED)
