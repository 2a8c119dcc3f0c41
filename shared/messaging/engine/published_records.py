"""Records in our own topics: which of them this service has published, and whether a number is missing among them."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from shared.contracts.park_reasons import Parked
from shared.messaging.message import Record
from shared.messaging.outbox.page import OutboxEvent, Page
from shared.messaging.sequence_number import sequence_number_of


@dataclass(frozen=True, slots=True)
class PublishedRecord:
    """A record with the number under which this service published it."""

    record: Record
    value: bytes
    era: int
    era_first: int
    sequence: int
    emitted_at: datetime

    def page(self) -> Page:
        """Return an outbox page with this event alone, marked as adopted."""
        extra = {
            name: value.decode()
            for name, value in self.record.headers
            if value is not None and (name.startswith("salur_") or name == "traceparent")
        }
        event = OutboxEvent(self.record.header("ce_type"), (self.record.key or b"").decode(), self.value, extra)
        topic, lane = self.record.topic, self.record.partition
        return Page(topic, lane, self.era, self.era_first, self.sequence, self.emitted_at, [event], adopted=True)


def published_records(records: Iterable[Record], source: bytes, newest_era: int) -> list[PublishedRecord]:
    """Return the records that this source has published; no other can have a number that fits source, id and lane."""
    found = []
    for record in records:
        with contextlib.suppress(Parked, ValueError):
            number = sequence_number_of(record, source, newest_era)
            emitted_at = datetime.fromisoformat(record.header("ce_time"))
            # Events are published as compact JSON, which has no line break.
            if record.value is not None and b"\n" not in record.value:
                found.append(PublishedRecord(record, record.value, *number, emitted_at))
    return found


class SequenceTracker:
    """Finds missing numbers. Each era has to be complete by itself: a later one reuses numbers for other events."""

    def __init__(self, era: int, last_sequence: int) -> None:
        self._last = {era: last_sequence}
        self._seen = {era: last_sequence}

    def read(self, published: PublishedRecord) -> None:
        era, sequence = published.era, published.sequence
        last = self._last.get(era)
        begins = last is None and sequence == published.era_first <= max(self._last.values()) + 1
        if begins or sequence - 1 == last:
            self._last[era] = sequence
        self._seen[era] = max(sequence, self._seen.get(era, 0))

    @property
    def whole(self) -> bool:
        """True as long as no number is missing."""
        return self._last == self._seen
