"""The reports of payment partners."""

from typing import Any, Literal

from pydantic import ValidationInfo, field_validator

from shared.contracts.events import EventType
from shared.contracts.fields import Code, Inbound, ReasonCode, Reference, RupiahInbound, Time

NOT_FOUND = "not_found"
"""Status of a reference that the partner does not know. It answers a request for the status."""


class DisbursementReported(Inbound):
    reference: Reference
    status: Literal["accepted", "settled", "rejected", "returned", "not_found"]
    amount: RupiahInbound | None
    reason: ReasonCode | None
    partner_reference: Code | None
    reported_at: Time

    @field_validator("amount", "partner_reference")
    @classmethod
    def only_what_is_not_found_has_neither(cls, value: Any, others: ValidationInfo) -> Any:
        status = others.data.get("status")
        if status is not None and (value is None) is not (status == NOT_FOUND):
            raise ValueError("null if the reference was not found, and only then")
        return value

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
