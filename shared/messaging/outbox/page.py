"""Pages: the events of one transaction for one topic and lane, and their records in Kafka."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

import cramjam

from shared.messaging.eras import Era
from shared.messaging.sequence_number import identity_of, identity_prefix
from shared.times import write_time

Headers = list[tuple[str, bytes]]


class OutboxEvent(NamedTuple):
    """An event that a service has emitted. `headers` come besides the CloudEvents attributes.

    A tuple, since one is made per event.
    """

    type: str
    key: str
    data: bytes
    headers: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Page:
    """The events of one transaction for one topic and lane, numbered from `first_sequence`.

    `era_first` is the first sequence of `era` in this topic and lane; a reader needs it to accept the era.
    """

    topic: str
    lane: int
    era: int
    era_first: int
    first_sequence: int
    emitted_at: datetime
    events: Sequence[OutboxEvent]
    adopted: bool = False

    @property
    def last_sequence(self) -> int:
        return self.first_sequence + len(self.events) - 1

    @property
    def begins_era(self) -> bool:
        return self.first_sequence == self.era_first

    def begun_era(self) -> Era:
        """Return the era, as it begins with this page."""
        return Era(self.topic, self.lane, self.era, self.era_first, follows=self.era_first - 1)

    def identity(self, sequence: int) -> str:
        """Return the id of one of the page's events."""
        return identity_of(self.topic, self.lane, self.era, sequence)

    def records(self, source: str, from_sequence: int = 0) -> Iterator[tuple[int, bytes, bytes, Headers]]:
        """Yield (sequence, key, value, headers) of each event from a sequence on, byte for byte as in Kafka."""
        shared: Headers = [
            ("ce_specversion", b"1.0"),
            ("ce_source", source.encode()),
            ("ce_time", write_time(self.emitted_at, "microseconds").encode()),
            ("content-type", b"application/json"),
            ("ce_era", f"{self.era}.{self.era_first}".encode()),
        ]
        prefix = identity_prefix(self.topic, self.lane, self.era)
        for sequence, event in enumerate(self.events, self.first_sequence):
            if sequence < from_sequence:
                continue
            key, number = event.key.encode(), b"%d" % sequence
            headers = [
                *shared,
                ("ce_id", prefix + number),
                ("ce_type", event.type.encode()),
                ("ce_subject", key),
                ("ce_sequence", number),
            ]
            if event.headers:
                headers += [(name, value.encode()) for name, value in event.headers.items()]
            yield sequence, key, event.data, headers


def encode(events: Sequence[OutboxEvent]) -> bytes:
    """Return the events as one compressed block, a line each. Compact JSON has no raw tab or line end to escape."""
    lines = [
        b"\t".join(
            (
                event.type.encode(),
                event.key.encode(),
                json.dumps(event.headers).encode() if event.headers else b"",
                event.data,
            )
        )
        for event in events
    ]
    return bytes(cramjam.zstd.compress(b"\n".join(lines), 1))


def decode(block: bytes) -> list[OutboxEvent]:
    """Return the events of a block, as `encode` was given them."""
    events = []
    for line in bytes(cramjam.zstd.decompress(block)).split(b"\n"):
        kind, key, headers, data = line.split(b"\t", 3)
        events.append(OutboxEvent(kind.decode(), key.decode(), data, json.loads(headers) if headers else {}))
    return events
