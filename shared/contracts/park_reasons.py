"""The reasons for which a record is parked."""

from enum import StrEnum

from shared.errors import SalurError


class ParkReason(StrEnum):
    """The reasons, as they stand in the table `parked` and on `dead-letters.<service>`."""

    TOO_LARGE = "too_large"
    NULL_VALUE = "null_value"
    BAD_ENVELOPE = "bad_envelope"
    UNKNOWN_TYPE = "unknown_type"
    TOO_DEEP = "too_deep"
    INVALID_JSON = "invalid_json"
    DUPLICATE_KEY = "duplicate_key"
    INVALID_FIELD = "invalid_field"
    BAD_SEAL = "bad_seal"
    CONFLICT = "conflict"
    NOT_YOURS = "not_yours"
    OUT_OF_WINDOW = "out_of_window"
    WAIT_EXPIRED = "wait_expired"
    WAIT_FULL = "wait_full"
    UNKNOWN_REFERENCE = "unknown_reference"
    AMOUNT_MISMATCH = "amount_mismatch"
    CONTRADICTS_FINAL = "contradicts_final"


class Parked(SalurError):
    """A record that is parked. `detail` is a JSON Pointer or a short text, never a value from the record."""

    def __init__(self, reason: ParkReason, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason.value} {self.detail}".rstrip()
