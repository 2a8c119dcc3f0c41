"""The events on `dead-letters.<service>`: pointers to parked records, without their content."""

from functools import cache

from shared.contracts.events import EventType
from shared.contracts.fields import Internal, Time
from shared.contracts.park_reasons import ParkReason
from shared.contracts.topics import SERVICES, dead_letters


class RecordParked(Internal):
    """A pointer to a parked record; `sha256` (hex) and `size` (bytes) are those of the record's value.

    `detail` is a JSON Pointer or a short text.
    """

    reason: ParkReason
    detail: str
    topic: str
    partition: int
    offset: int
    parked_at: Time
    ce_id: str
    ce_source: str
    ce_type: str
    size: int
    sha256: str


@cache
def record_parked(service: str) -> EventType[RecordParked]:
    """Return the event type of a service's dead letters."""
    return EventType(f"salur.{service}.record_parked.v1", dead_letters(service), RecordParked)


EVENTS = tuple(map(record_parked, SERVICES))
