"""The events of the enrollment service on `enrollment.events`."""

from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.events import EventType
from shared.contracts.fields import Code, Internal, Mode, ParticipantId, Partner, RedeemCode, Regency, Rupiah, Time
from shared.contracts.topics import ENROLLMENT_EVENTS


class ParticipantAdmitted(Internal):
    participant_id: ParticipantId
    wave: Code
    scheme: Code
    scheme_version: int
    gender: Literal["female", "male"]
    regency: Regency
    dwelling: Literal["village", "town"]
    disability: bool
    balance: Rupiah
    identity_index: str
    admitted_at: Time


class ParticipantRefused(Internal):
    participant_id: ParticipantId
    wave: Code
    reason: str
    admitted_at: Time


class AccountLinked(Internal):
    """An account linked. `account` is its number, sealed for payment together with all fields here.

    `same_identity` is true if the account's NIK is the participant's.
    """

    participant_id: ParticipantId
    partner: Partner
    account: str
    verified: bool
    same_identity: bool
    linked_at: Time


class Session(Internal):
    sequence: int
    proof: Literal["face", "venue_qr"]
    starts_at: Time
    ends_at: Time


class Requirements(Internal):
    """Evidence that completes a training. `sessions_at_least`: the number of sessions; null: all of them."""

    post_test: Literal["passed", "taken"] | None
    graded: bool
    certificate: bool
    sessions_at_least: int | None = None


class Benefit(Internal):
    """One benefit. `months_after`: calendar months after the participant's first incentive; null: at the milestone."""

    benefit: str
    amount: Rupiah
    payee: Literal["provider", "participant"]
    milestone: Annotated[str, Field(pattern=r"^(completed|rated|survey_[1-9][0-9]?)$")]
    first_training_only: bool
    months_after: int | None = None


class EnrollmentEvidence(Internal):
    """The fields of `enrollment_confirmed` on which completion acts: the rule of evidence."""

    participant_id: ParticipantId
    redeem_code: RedeemCode
    provider_id: Code
    scheme: Code
    scheme_version: int
    sessions: Annotated[tuple[Session, ...], Field(strict=False)]
    requires: Requirements
    whole_span: bool
    evidence_days: int
    complete_within_days: int


class EnrollmentBenefits(Internal):
    """The fields of `enrollment_confirmed` that payment needs: the benefits and their amounts, and their scheme.

    `clawback_days`: days after which a claim on what was paid in vain is due; null in events of before claims.
    `cut_off_at`: when money of the wave that is not under way returns to the treasury; null: never.
    """

    participant_id: ParticipantId
    redeem_code: RedeemCode
    provider_id: Code
    wave: Code
    benefits: Annotated[tuple[Benefit, ...], Field(strict=False)]
    clawback_days: int | None = None
    cut_off_at: Time | None = None
    scheme: Code
    scheme_version: int


class EnrollmentConfirmed(EnrollmentEvidence, EnrollmentBenefits):
    """An enrollment with all that the other services need to act alone."""

    platform: Code
    course_code: Code
    schedule_code: Code
    mode: Mode
    price: Rupiah
    hours: int
    purchased_at: Time


class EnrollmentRejected(Internal):
    participant_id: ParticipantId
    redeem_code: RedeemCode
    wave: Code | None
    reason: str


class EnrollmentVoided(Internal):
    """A confirmed enrollment that no longer stands; its price is back in the participant's balance."""

    participant_id: ParticipantId
    redeem_code: RedeemCode
    wave: Code
    reason: str
    voided_at: Time


class ParticipantBlocked(Internal):
    participant_id: ParticipantId
    reason: str
    blocked_at: Time


class ParticipantUnblocked(Internal):
    participant_id: ParticipantId
    reason: str
    unblocked_at: Time


class ParticipantErased(Internal):
    """A participant of whom nothing personal is kept any more, and to whom nothing more is paid."""

    participant_id: ParticipantId
    erased_at: Time


class BalanceForfeited(Internal):
    """The rest of a participant's balance, with which nothing can be bought any more; no booked money."""

    participant_id: ParticipantId
    wave: Code
    amount: Rupiah
    reason: Literal["first_purchase_late", "next_purchase_late", "cut_off"]
    forfeited_at: Time


PARTICIPANT_ADMITTED = EventType(
    "salur.enrollment.participant_admitted.v1", ENROLLMENT_EVENTS, ParticipantAdmitted, "admitted_at"
)
PARTICIPANT_REFUSED = EventType(
    "salur.enrollment.participant_refused.v1", ENROLLMENT_EVENTS, ParticipantRefused, "admitted_at"
)
ACCOUNT_LINKED = EventType("salur.enrollment.account_linked.v1", ENROLLMENT_EVENTS, AccountLinked, "linked_at")
ENROLLMENT_CONFIRMED = EventType(
    "salur.enrollment.enrollment_confirmed.v1", ENROLLMENT_EVENTS, EnrollmentConfirmed, "purchased_at"
)
ENROLLMENT_REJECTED = EventType("salur.enrollment.enrollment_rejected.v1", ENROLLMENT_EVENTS, EnrollmentRejected)
ENROLLMENT_VOIDED = EventType("salur.enrollment.enrollment_voided.v1", ENROLLMENT_EVENTS, EnrollmentVoided, "voided_at")
PARTICIPANT_BLOCKED = EventType(
    "salur.enrollment.participant_blocked.v1", ENROLLMENT_EVENTS, ParticipantBlocked, "blocked_at"
)
PARTICIPANT_UNBLOCKED = EventType(
    "salur.enrollment.participant_unblocked.v1", ENROLLMENT_EVENTS, ParticipantUnblocked, "unblocked_at"
)
PARTICIPANT_ERASED = EventType(
    "salur.enrollment.participant_erased.v1", ENROLLMENT_EVENTS, ParticipantErased, "erased_at"
)
BALANCE_FORFEITED = EventType(
    "salur.enrollment.balance_forfeited.v1", ENROLLMENT_EVENTS, BalanceForfeited, "forfeited_at"
)

EVENTS = (
    PARTICIPANT_ADMITTED,
    PARTICIPANT_REFUSED,
    ACCOUNT_LINKED,
    ENROLLMENT_CONFIRMED,
    ENROLLMENT_REJECTED,
    ENROLLMENT_VOIDED,
    PARTICIPANT_BLOCKED,
    PARTICIPANT_UNBLOCKED,
    PARTICIPANT_ERASED,
    BALANCE_FORFEITED,
)
