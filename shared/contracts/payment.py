"""What the payment service tells partners, and anyone who listens to `payment.events`."""

from typing import Literal

from shared.contracts.events import EventType
from shared.contracts.fields import Code, Internal, ParticipantId, Partner, RedeemCode, Reference, Rupiah, Time
from shared.contracts.topics import PAYMENT_EVENTS


class Payee(Internal):
    """`account` is sealed to the partner's key: {sub: reference, number}."""

    kind: Literal["provider", "participant"]
    account: str


class Instruction(Internal):
    """Pay this once, whatever arrives: the reference is the idempotency key."""

    reference: Reference
    amount: Rupiah
    benefit: Literal["fee", "incentive", "survey"]
    payee: Payee
    purpose: str
    instructed_at: Time
    answer_by: Time


class StatusRequest(Internal):
    reference: Reference
    instructed_at: Time


class Disbursement(Internal):
    """What every event on `payment.events` says. `reference` is null before the first attempt,
    `partner` as long as nobody knows where the money would go. `account_version` tells to which account the latest
    attempt went, without telling the account: a higher one is newer.
    """

    participant_id: ParticipantId
    redeem_code: RedeemCode
    wave: Code
    benefit: str
    reference: Reference | None
    partner: Partner | None
    amount: Rupiah
    attempt: int
    reason: str | None
    account_version: int | None = None


def _event(name: str) -> EventType[Disbursement]:
    return EventType(f"salur.payment.disbursement_{name}.v1", PAYMENT_EVENTS, Disbursement)


# Their topic is disbursements.<partner>; the name here stands for all of them.
INSTRUCTION = EventType("salur.payment.disbursement_instructed.v1", "disbursements", Instruction)
STATUS_REQUESTED = EventType("salur.payment.disbursement_status_requested.v1", "disbursements", StatusRequest)

DISBURSEMENT_SCHEDULED = _event("scheduled")
DISBURSEMENT_HELD = _event("held")
DISBURSEMENT_INSTRUCTED = _event("instructed")
DISBURSEMENT_ACCEPTED = _event("accepted")
DISBURSEMENT_SETTLED = _event("settled")
DISBURSEMENT_REJECTED = _event("rejected")
DISBURSEMENT_FAILED = _event("failed")

TO_PARTNERS = (INSTRUCTION, STATUS_REQUESTED)
EVENTS = (
    DISBURSEMENT_SCHEDULED,
    DISBURSEMENT_HELD,
    DISBURSEMENT_INSTRUCTED,
    DISBURSEMENT_ACCEPTED,
    DISBURSEMENT_SETTLED,
    DISBURSEMENT_REJECTED,
    DISBURSEMENT_FAILED,
)
