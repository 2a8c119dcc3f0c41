"""The reports of payment partners."""

from typing import Literal

from pydantic import ValidationInfo, field_validator

from shared.contracts.events import EventType
from shared.contracts.fields import Code, Inbound, ReasonCode, Reference, RupiahInbound, Time


class DisbursementReported(Inbound):
    reference: Reference
    status: Literal["accepted", "settled", "rejected", "returned"]
    amount: RupiahInbound
    reason: ReasonCode | None
    partner_reference: Code
    reported_at: Time

    @field_validator("reason")
    @classmethod
    def a_failure_says_why(cls, reason: str | None, others: ValidationInfo) -> str | None:
        if reason is None and others.data.get("status") in ("rejected", "returned"):
            raise ValueError("a rejection or return has a reason")
        return reason


# Its topic is disbursement-reports.<partner>; the name here stands for all of them.
DISBURSEMENT_REPORTED = EventType(
    "salur.partner.disbursement_reported.v1", "disbursement-reports", DisbursementReported, "reported_at"
)

EVENTS = (DISBURSEMENT_REPORTED,)
