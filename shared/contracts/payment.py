"""The instructions to partners, and the events of the payment service on `payment.events`."""

from typing import Literal

from shared.contracts.events import EventType
from shared.contracts.fields import Code, Internal, ParticipantId, Partner, RedeemCode, Reference, Rupiah, Time
from shared.contracts.topics import PAYMENT_EVENTS


class Payee(Internal):
    """The payee of an instruction. `account` is sealed to the partner's key: {sub: reference, number}."""

    kind: Literal["provider", "participant"]
    account: str


class Instruction(Internal):
    """An instruction to pay once, however often it arrives: the reference is the idempotency key."""

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
    """The data of every event on `payment.events`.

    `reference` is null before the first attempt, `partner` until an account is known. `account_version` tells the
    accounts of attempts apart without naming them: a higher one is newer.
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


class DisbursementReturned(Disbursement):
    """A payment whose money came back to its partner, in full. `reason` is the partner's own code."""

    returned_at: Time


class ClaimOpened(Disbursement):
    """A claim on money that was paid. `claim` is its id: the reference, and a number that counts the claims on it."""

    claim: Code
    debtor: Literal["provider", "participant"]
    opened_at: Time
    due_at: Time


class ClaimRepaid(Disbursement):
    """A claim whose amount came back to the treasury, as `document` shows. `reason` is that of the claim."""

    claim: Code
    document: Code


class ClaimWithdrawn(Disbursement):
    """A claim that no longer stands. `reason`: `unblocked`, `returned`, or that of the claim that takes its place."""

    claim: Code


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
DISBURSEMENT_RETURNED = EventType(
    "salur.payment.disbursement_returned.v1", PAYMENT_EVENTS, DisbursementReturned, "returned_at"
)
DISBURSEMENT_FAILED = _event("failed")
DISBURSEMENT_CANCELLED = _event("cancelled")
DISBURSEMENT_FORFEITED = _event("forfeited")
CLAIM_OPENED = EventType("salur.payment.claim_opened.v1", PAYMENT_EVENTS, ClaimOpened, "opened_at")
CLAIM_REPAID = EventType("salur.payment.claim_repaid.v1", PAYMENT_EVENTS, ClaimRepaid)
CLAIM_WITHDRAWN = EventType("salur.payment.claim_withdrawn.v1", PAYMENT_EVENTS, ClaimWithdrawn)

TO_PARTNERS = (INSTRUCTION, STATUS_REQUESTED)
EVENTS = (
    DISBURSEMENT_SCHEDULED,
    DISBURSEMENT_HELD,
    DISBURSEMENT_INSTRUCTED,
    DISBURSEMENT_ACCEPTED,
    DISBURSEMENT_SETTLED,
    DISBURSEMENT_REJECTED,
    DISBURSEMENT_RETURNED,
    DISBURSEMENT_FAILED,
    DISBURSEMENT_CANCELLED,
    DISBURSEMENT_FORFEITED,
    CLAIM_OPENED,
    CLAIM_REPAID,
    CLAIM_WITHDRAWN,
)
