"""Records as Kafka hands them out, and messages: records decoded by a contract."""

import hashlib
import json
from base64 import b64encode
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

from aiokafka import TopicPartition

from shared.contracts.envelope import ENVELOPE_HEADERS
from shared.contracts.park_reasons import ParkReason
from shared.errors import InvariantBroken

T = TypeVar("T")

# The size of an empty header in a packed record.
PACKED_HEADER_BYTES = 10
BALLAST_BYTES = 64 << 10

_COMPACT = json.JSONEncoder(separators=(",", ":"))


@lru_cache(4096)
def _place(topic: str, partition: int) -> TopicPartition:
    """Return one object for all records of a partition, since each asks several times."""
    return TopicPartition(topic, partition)


class RawBatch(bytes):
    """A record batch as Kafka keeps it, in place of records that cannot be taken out of it.

    `reason` is too_large, or bad_envelope for a corrupt one. It stands for the records from `base_offset` on, and is
    handed out at the offset of the last of them, so that reading goes on behind it.
    """

    reason: ParkReason
    base_offset: int

    def __new__(cls, data: "bytes | memoryview", reason: ParkReason, base_offset: int) -> "RawBatch":
        batch = super().__new__(cls, data)
        batch.reason, batch.base_offset = reason, base_offset
        return batch


class Record(NamedTuple):
    """One Kafka record. `timestamp` is in milliseconds.

    `known_by` is set in a record that was rewritten since it came: the identity of the original. A tuple, since one is
    made per record.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    known_by: bytes | None = None

    @property
    def place(self) -> TopicPartition:
        return _place(self.topic, self.partition)

    @property
    def is_batch(self) -> bool:
        """True if it stands for a whole record batch that cannot be taken apart."""
        return isinstance(self.value, RawBatch)

    @property
    def begins_at(self) -> int:
        """The offset; for a batch that is handed out whole, that of its first record."""
        return self.value.base_offset if isinstance(self.value, RawBatch) else self.offset

    def header(self, name: str) -> str:
        """Return the text of a header; empty if it is missing."""
        for key, value in self.headers:
            if key == name and value is not None:
                return value.decode("utf-8", "replace")
        return ""

    def digest(self) -> bytes:
        """Return 12 bytes that tell whether the record at this offset is still the same."""
        text = f"{self.offset}\n{self.timestamp}\n{self.header('ce_source')}\n{self.header('ce_id')}"
        return hashlib.sha256(text.encode()).digest()[:12]

    def identity(self) -> bytes:
        """Return 16 bytes that identical records have in common: those with the same type and value."""
        if self.known_by is not None:
            return self.known_by
        return hashlib.sha256(self.header("ce_type").encode() + b"\0" + (self.value or b"")).digest()[:16]

    def rewritten(self, value: bytes, headers: tuple[tuple[str, bytes | None], ...]) -> "Record":
        """Return the record with another value and other headers; a repeat of the original stays identical to it."""
        return self._replace(value=value, headers=headers, known_by=self.identity())


class Message(NamedTuple, Generic[T]):
    """A decoded record. `lane` is None for a shared cause, which belongs to no lane.

    A tuple, since one is made per record.
    """

    record: Record
    lane: int | None
    source: str
    id: str
    type: str
    time: datetime
    trace: str | None
    data: T


def require_lane(message: Message[Any]) -> int:
    """Return the lane of a message. Raise InvariantBroken for a shared cause, which has none."""
    if message.lane is None:
        raise InvariantBroken(message.type, "it came without a lane; give its subscription one")
    return message.lane


def first_bytes(record: Record, room: int) -> Record:
    """Cut a record to `room` bytes: as many headers as fit whole, then its key, then its value."""
    headers = []
    for name, value in record.headers:
        size = len(name.encode()) + len(value or b"") + PACKED_HEADER_BYTES
        if size > room:
            break
        headers.append((name, value))
        room -= size
    key = record.key and record.key[:room]
    value = record.value and record.value[: room - len(key or b"")]
    return record._replace(key=key, value=value, headers=tuple(headers))


def without_ballast(record: Record) -> Record:
    """Return the record; if its key and headers exceed BALLAST_BYTES, only its value and the headers of its envelope.

    The sender chooses key and headers, and only the size of a record batch bounds them.
    """
    if len(record.key or b"") + sum(len(name) + len(value or b"") for name, value in record.headers) <= BALLAST_BYTES:
        return record
    known = [header for header in record.headers if header[0] in ENVELOPE_HEADERS]
    return record._replace(key=None, headers=tuple(one for one in known if len(one[1] or b"") <= BALLAST_BYTES))


def pack(record: Record) -> bytes:
    """Return the record as the bytes in which it is deferred or parked; `unpack` is the inverse."""
    parts = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": _text(record.key),
        "value": _text(record.value),
        "headers": [[name, _text(value)] for name, value in record.headers],
    }
    if record.known_by is not None:
        parts["known_by"] = _text(record.known_by)
    return _COMPACT.encode(parts).encode()


def packed_forms(text: bytes) -> list[bytes]:
    """Return three forms, one of which is in every packed record whose key, value or header holds the text.

    Base64 takes three bytes at a time, so the form depends on where the text begins. The last bits, which depend on
    what follows, are left out: a record with one of the forms may hold a text with another end.
    """
    forms = []
    for before in range(3):
        first, end = (before * 8 + 5) // 6, (before + len(text)) * 8 // 6
        forms.append(b64encode(bytes(before) + text)[first:end])
    return forms


def unpack(packed: bytes) -> Record:
    parts: Mapping[str, Any] = json.loads(packed)
    return Record(
        topic=parts["topic"],
        partition=parts["partition"],
        offset=parts["offset"],
        timestamp=parts["timestamp"],
        key=_bytes(parts["key"]),
        value=_bytes(parts["value"]),
        headers=tuple((name, _bytes(value)) for name, value in parts["headers"]),
        known_by=_bytes(parts.get("known_by")),
    )


def _text(value: bytes | None) -> str | None:
    return None if value is None else b2a_base64(value, newline=False).decode()


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else a2b_base64(value)
