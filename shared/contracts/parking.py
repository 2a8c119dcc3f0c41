"""What a service says on `dead-letters.<service>`: where the record that it parked lies, never what is in it."""

from functools import cache

from shared.contracts.events import EventType
from shared.contracts.fields import Internal, Time
from shared.contracts.park_reasons import ParkReason
from shared.contracts.topics import SERVICES, dead_letters


class RecordParked(Internal):
    """`detail` is a JSON Pointer or a short text; `sha256` (hex) and `size` (bytes) are those of the record's value."""

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
