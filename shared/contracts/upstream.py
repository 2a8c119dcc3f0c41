"""The events of registration, platforms, training systems and the treasury."""

from datetime import datetime
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from shared.contracts.events import EventType
from shared.contracts.fields import (
    Code,
    EventId,
    EventSource,
    Inbound,
    Mode,
    ParticipantId,
    Partner,
    RedeemCode,
    Regency,
    RupiahInbound,
    Seal,
    SealedTime,
    Text,
    Time,
)
from shared.contracts.topics import (
    ENROLLMENT_REQUESTS,
    PROGRAMME_REGISTRY,
    TRAINING_ATTENDANCE,
    TRAINING_EVIDENCE,
    TRAINING_PURCHASES,
    TREASURY_FUNDING,
)

LAST_SESSION = 998
LAST_SURVEY = 12


def _after(earlier: datetime | None, later: datetime) -> datetime:
    """Return `later` if it is after `earlier`; `earlier` is None if it was no time, which is the error then."""
    if earlier is not None and earlier >= later:
        raise ValueError("ends before it begins")
    return later


class WaveOpened(Inbound):
    wave: Code
    scheme: Code
    quota: Annotated[int, Field(ge=1, le=100_000_000)]
    opens_at: Time
    closes_at: Time

    @field_validator("closes_at")
    @classmethod
    def opens_before_it_closes(cls, closes_at: datetime, others: ValidationInfo) -> datetime:
        return _after(others.data.get("opens_at"), closes_at)


class SealedAccount(Inbound):
    partner: Partner
    sealed: Seal


class ProviderRegistered(Inbound):
    provider_id: Code
    version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    account: SealedAccount


class CourseApproved(Inbound):
    course_code: Code
    version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    provider_id: Code
    modes: Annotated[tuple[Mode, ...], Field(min_length=1, strict=False)]
    price_at_most: RupiahInbound
    hours: Annotated[int, Field(ge=1, le=10_000)]

    @field_validator("modes")
    @classmethod
    def modes_differ(cls, modes: tuple[Mode, ...]) -> tuple[Mode, ...]:
        if len(set(modes)) < len(modes):
            raise ValueError("a mode stands twice")
        return modes


class ParticipantAdmitted(Inbound):
    participant_id: ParticipantId
    wave: Code
    identity: Seal
    gender: Literal["female", "male"]
    regency: Regency
    dwelling: Literal["village", "town"]
    disability: bool
    admitted_at: SealedTime


class AccountLinked(Inbound):
    participant_id: ParticipantId
    account: SealedAccount
    kyc: Literal["verified", "unverified"]
    linked_at: SealedTime


class ParticipantBlocked(Inbound):
    participant_id: ParticipantId
    reason: Text
    blocked_at: Time


class ParticipantUnblocked(Inbound):
    participant_id: ParticipantId
    reason: Text
    unblocked_at: Time


class ParticipantErased(Inbound):
    """A person's right to be forgotten, exercised; what is personal and kept is destroyed, and the books stay."""

    participant_id: ParticipantId
    erased_at: Time


class Session(Inbound):
    sequence: Annotated[int, Field(ge=1, le=LAST_SESSION)]
    mode: Mode
    starts_at: Time
    ends_at: Time

    @field_validator("ends_at")
    @classmethod
    def starts_before_it_ends(cls, ends_at: datetime, others: ValidationInfo) -> datetime:
        return _after(others.data.get("starts_at"), ends_at)


class TrainingPurchased(Inbound):
    participant_id: ParticipantId
    redeem_code: RedeemCode
    invoice_code: Code
    platform: Code
    provider_id: Code
    course_code: Code
    schedule_code: Code
    mode: Mode
    price: RupiahInbound
    hours: Annotated[int, Field(ge=1, le=10_000)]
    class_size: Annotated[int, Field(ge=1, le=100_000)]
    sessions: Annotated[tuple[Session, ...], Field(min_length=1, max_length=LAST_SESSION, strict=False)]
    purchased_at: Time

    @field_validator("sessions")
    @classmethod
    def sessions_rise(cls, sessions: tuple[Session, ...]) -> tuple[Session, ...]:
        if any(one.sequence >= next_one.sequence for one, next_one in pairwise(sessions)):
            raise ValueError("sessions do not rise strictly")
        return sessions


class TrainingVoided(Inbound):
    participant_id: ParticipantId
    redeem_code: RedeemCode
    reason: Text
    voided_at: Time


class SessionAttended(Inbound):
    participant_id: ParticipantId
    redeem_code: RedeemCode
    sequence: Annotated[int, Field(ge=1, le=LAST_SESSION)]
    proof: Literal["face", "venue_qr"]
    attended_at: Time


class PostTestTaken(Inbound):
    participant_id: ParticipantId
    redeem_code: RedeemCode
    score: Annotated[int, Field(ge=0, le=100)]
    passed: bool
    taken_at: Time


class WorkGraded(Inbound):
    participant_id: ParticipantId
    redeem_code: RedeemCode
    score: Annotated[int, Field(ge=0, le=100)]
    passed: bool
    provider_id: Code
    graded_at: Time


class CertificateIssued(Inbound):
    participant_id: ParticipantId
    redeem_code: RedeemCode
    certificate_no: Code
    provider_id: Code
    issued_at: Time


class TrainingRated(Inbound):
    participant_id: ParticipantId
    redeem_code: RedeemCode
    stars: Annotated[int, Field(ge=1, le=5)]
    rated_at: Time


class SurveyAnswered(Inbound):
    participant_id: ParticipantId
    redeem_code: RedeemCode
    survey: Annotated[int, Field(ge=1, le=LAST_SURVEY)]
    answered_at: Time


class ReportedEvent(Inbound):
    """The `ce_source` and `ce_id` of an event that reported evidence."""

    source: EventSource
    id: EventId


class EvidenceRevoked(Inbound):
    """The end of an event that reported evidence; it must stand on the topic on which that came, or comes."""

    participant_id: ParticipantId
    redeem_code: RedeemCode
    evidence: ReportedEvent
    reason: Text
    revoked_at: Time


class FundsAppropriated(Inbound):
    wave: Code
    component: Literal["training", "incentive", "survey"]
    amount: RupiahInbound
    document: Code
    appropriated_at: Time


WAVE_OPENED = EventType("salur.registry.wave_opened.v1", PROGRAMME_REGISTRY, WaveOpened)
PROVIDER_REGISTERED = EventType("salur.registry.provider_registered.v1", PROGRAMME_REGISTRY, ProviderRegistered)
COURSE_APPROVED = EventType("salur.registry.course_approved.v1", PROGRAMME_REGISTRY, CourseApproved)
PARTICIPANT_ADMITTED = EventType(
    "salur.registration.participant_admitted.v1", ENROLLMENT_REQUESTS, ParticipantAdmitted, "admitted_at"
)
ACCOUNT_LINKED = EventType("salur.registration.account_linked.v1", ENROLLMENT_REQUESTS, AccountLinked, "linked_at")
PARTICIPANT_BLOCKED = EventType(
    "salur.registration.participant_blocked.v1", ENROLLMENT_REQUESTS, ParticipantBlocked, "blocked_at"
)
PARTICIPANT_UNBLOCKED = EventType(
    "salur.registration.participant_unblocked.v1", ENROLLMENT_REQUESTS, ParticipantUnblocked, "unblocked_at"
)
PARTICIPANT_ERASED = EventType(
    "salur.registration.participant_erased.v1", ENROLLMENT_REQUESTS, ParticipantErased, "erased_at"
)
TRAINING_PURCHASED = EventType(
    "salur.platform.training_purchased.v1", TRAINING_PURCHASES, TrainingPurchased, "purchased_at"
)
TRAINING_VOIDED = EventType("salur.platform.training_voided.v1", TRAINING_PURCHASES, TrainingVoided, "voided_at")
SESSION_ATTENDED = EventType("salur.training.session_attended.v1", TRAINING_ATTENDANCE, SessionAttended, "attended_at")
POST_TEST_TAKEN = EventType("salur.training.post_test_taken.v1", TRAINING_EVIDENCE, PostTestTaken, "taken_at")
WORK_GRADED = EventType("salur.training.work_graded.v1", TRAINING_EVIDENCE, WorkGraded, "graded_at")
CERTIFICATE_ISSUED = EventType(
    "salur.training.certificate_issued.v1", TRAINING_EVIDENCE, CertificateIssued, "issued_at"
)
TRAINING_RATED = EventType("salur.training.training_rated.v1", TRAINING_EVIDENCE, TrainingRated, "rated_at")
SURVEY_ANSWERED = EventType("salur.training.survey_answered.v1", TRAINING_EVIDENCE, SurveyAnswered, "answered_at")
ATTENDANCE_REVOKED = EventType("salur.training.evidence_revoked.v1", TRAINING_ATTENDANCE, EvidenceRevoked, "revoked_at")
EVIDENCE_REVOKED = EventType("salur.training.evidence_revoked.v1", TRAINING_EVIDENCE, EvidenceRevoked, "revoked_at")
FUNDS_APPROPRIATED = EventType(
    "salur.treasury.funds_appropriated.v1", TREASURY_FUNDING, FundsAppropriated, "appropriated_at"
)

EVENTS = (
    WAVE_OPENED,
    PROVIDER_REGISTERED,
    COURSE_APPROVED,
    PARTICIPANT_ADMITTED,
    ACCOUNT_LINKED,
    PARTICIPANT_BLOCKED,
    PARTICIPANT_UNBLOCKED,
    PARTICIPANT_ERASED,
    TRAINING_PURCHASED,
    TRAINING_VOIDED,
    SESSION_ATTENDED,
    POST_TEST_TAKEN,
    WORK_GRADED,
    CERTIFICATE_ISSUED,
    TRAINING_RATED,
    SURVEY_ANSWERED,
    ATTENDANCE_REVOKED,
    EVIDENCE_REVOKED,
    FUNDS_APPROPRIATED,
)
