"""Records taken out of fetched record batches, no more at once than memory has room for.

Ten kilobytes on the wire may unpack to gigabytes. The client would unpack them whole, and hand out as many records as
were asked for, however large. It has no hook for either, nor for the form of a record, so parts of it are replaced, for
every consumer of this process.
"""

import struct
from collections.abc import Iterator
from typing import Any

from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecord, DefaultRecordBatch
from aiokafka.record.legacy_records import LegacyRecordBatch
from aiokafka.record.util import decode_varint

from shared.contracts.envelope import MAX_HEADERS
from shared.contracts.park_reasons import ParkReason
from shared.messaging.message import RawBatch, Record
from shared.messaging.reading.decompression import HEADER_BYTES, TooLarge, unpack

# So many bytes of records are handed out at once, and at most one record more.
AT_ONCE = 4 << 20
# A larger batch may hold more headers, of two bytes each, than memory has room for; there they are counted first.
ORDINARY_BYTES = 1 << 20
# The size of the shortest header in memory; so few headers are not counted.
_HEADER_BYTES, _FEW_HEADERS = 64, 32
# Any batch that a topic takes by default fits into a partition's share, and a few of them into an answer.
FETCH_SETTINGS = {"max_partition_fetch_bytes": 2 << 20, "fetch_max_bytes": 4 << 20}

_LENGTH_AT, _OVERHEAD, _MAGIC_AT = 8, 12, 16
_FEWEST_BYTES = 26
_CODEC = 0x07
# Seconds. A broker is not asked again before all of its answer was handed out.
_UNTIL_HANDED_OUT = 86_400.0


class Allowance:
    """The bytes of records that may be handed out until the next call. One for the whole process."""

    left = AT_ONCE

    def refill(self) -> None:
        self.left = AT_ONCE


ALLOWANCE = Allowance()


class FetchedBatches:
    """The record batches of one partition's answer, in place of the client's `MemoryRecords`."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._at = 0

    def size_in_bytes(self) -> int:
        return len(self._data)

    def has_next(self) -> bool:
        """Return True if another whole batch is there; an answer may end in the middle of one."""
        left = len(self._data) - self._at
        return left >= _OVERHEAD and self._length() <= left

    def next_batch(self) -> "FetchedBatch | LegacyRecordBatch":
        length = self._length()
        if length < _FEWEST_BYTES:
            raise CorruptRecordException(f"a record batch of {length} bytes")
        batch = self._data[self._at : self._at + length]
        self._at += length
        if batch[_MAGIC_AT] < 2 and not batch[_MAGIC_AT + 1] & _CODEC:
            return LegacyRecordBatch(batch, batch[_MAGIC_AT])
        return FetchedBatch(batch, self._following())

    def _length(self) -> int:
        return _OVERHEAD + int(struct.unpack_from(">i", self._data, self._at + _LENGTH_AT)[0])

    def _following(self) -> int | None:
        """Return the offset at which the next batch begins, if it was fetched."""
        left = self._data[self._at : self._at + 8]
        return int.from_bytes(left, "big") if len(left) == 8 else None


class FetchedBatch:
    """One record batch. It yields its records, or one record with the whole batch if they cannot be taken out.

    `following` is the offset at which the next batch begins, if that was fetched with it.
    """

    def __init__(self, data: memoryview, following: int | None) -> None:
        self._data = data
        self.base_offset = int.from_bytes(data[:8], "big")
        self._following = following if following is not None and following > self.base_offset else None
        # A packed batch of a producer before Kafka 0.11: it has no headers, so no event can be in it.
        self._is_old = data[_MAGIC_AT] < 2
        self._batch = None if self._is_old or len(data) < HEADER_BYTES else DefaultRecordBatch(data)
        self._is_sound = self._batch is not None

    def validate_crc(self) -> bool:
        """Note whether the batch is sound, and return True: a refused one would be fetched again for ever."""
        self._is_sound = self._batch is not None and self._batch.validate_crc()
        return True

    @property
    def producer_id(self) -> int | None:
        return self._batch.producer_id if self._batch is not None and self._is_sound else None

    @property
    def is_control_batch(self) -> bool:
        return self._batch is not None and self._is_sound and bool(self._batch.is_control_batch)

    @property
    def is_transactional(self) -> bool:
        return self._batch is not None and self._is_sound and bool(self._batch.is_transactional)

    @property
    def next_offset(self) -> int:
        """The offset after the batch. Raise CorruptRecordException if it is unknown: no offset is skipped."""
        if not self._is_sound and self._following is not None:
            return self._following
        if self._is_old:
            return self.base_offset + 1
        if self._batch is not None and (self._is_sound or self._batch.last_offset_delta + 1 == self._count()):
            return int(self._batch.next_offset)
        raise CorruptRecordException(f"a record batch at {self.base_offset} that may end anywhere")

    def __next__(self) -> DefaultRecord:
        """Return the record of a control batch, which is never packed."""
        assert self._batch is not None
        return next(self._batch)

    def __iter__(self) -> Iterator[DefaultRecord]:
        if self._batch is None or not self._is_sound:
            yield self._whole(ParkReason.BAD_ENVELOPE)
            return
        data: bytes | memoryview = self._data
        if codec := self._batch.compression_type:
            try:
                data = unpack(self._data, codec)
            except Exception as error:  # noqa: BLE001 - any error would come again
                too_large = isinstance(error, TooLarge)
                yield self._whole(ParkReason.TOO_LARGE if too_large else ParkReason.BAD_ENVELOPE)
                return
        if len(data) <= ORDINARY_BYTES:
            yield from self._ordinary(data)
        else:
            for record in self._records_after(self.base_offset - 1, data):
                _take(record, _size_of(record))
                yield record

    def _ordinary(self, data: "bytes | memoryview") -> Iterator[DefaultRecord]:
        """Yield records by the client's parser, and by ours from a header name on that is not UTF-8.

        Each record takes its share of the allowance. One generator, since all records pass here.
        """
        offset, share = self.base_offset - 1, len(data) // self._count()
        try:
            for record in DefaultRecordBatch(data):
                offset = record.offset
                ALLOWANCE.left -= share
                if len(record.headers) > _FEW_HEADERS:
                    _cut_headers(record)
                yield record
        except Exception:  # noqa: BLE001 - as above
            for record in self._records_after(offset, data):
                _take(record, share)
                yield record

    def _records_after(self, offset: int, data: "bytes | memoryview") -> Iterator[DefaultRecord]:
        assert self._batch is not None
        at = HEADER_BYTES
        while at < len(data):
            try:
                record, at = _record(data, at, self._batch)
            except (IndexError, ValueError, CorruptRecordException):
                yield self._whole(ParkReason.BAD_ENVELOPE, offset + 1)
                return
            if record.offset > offset:
                offset = record.offset
                yield record

    def _count(self) -> int:
        return max(1, int.from_bytes(self._data[HEADER_BYTES - 4 : HEADER_BYTES], "big"))

    def _whole(self, reason: ParkReason, base_offset: int | None = None) -> DefaultRecord:
        """Return the whole batch as one record, and use up the allowance: it may have taken as long as many."""
        ALLOWANCE.left = 0
        first = self.base_offset if base_offset is None else base_offset
        written = self._batch.max_timestamp if self._batch is not None else 0
        return DefaultRecord(self.next_offset - 1, written, 1, None, RawBatch(self._data, reason, first), [])


def _take(record: DefaultRecord, size: int) -> None:
    """Subtract a record of this size from the allowance; cut too many headers to one more than is allowed."""
    ALLOWANCE.left -= size
    if len(record.headers) > _FEW_HEADERS:
        _cut_headers(record)


def _cut_headers(record: DefaultRecord) -> None:
    """Subtract many headers from the allowance, and cut them to one more than is allowed."""
    ALLOWANCE.left -= len(record.headers) * _HEADER_BYTES
    del record.headers[MAX_HEADERS + 1 :]


def _size_of(record: DefaultRecord) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


def _record(data: "bytes | memoryview", at: int, batch: DefaultRecordBatch) -> tuple[DefaultRecord, int]:
    """Return the record that begins at `at`, and the place of the next one.

    A header's name may be any bytes. Too many headers are cut to one more than is allowed.
    """
    length, at = decode_varint(data, at)
    end = at + length
    if not at < end <= len(data):
        raise CorruptRecordException("a record is longer than its batch")
    _, at = decode_varint(data, at)
    since, at = decode_varint(data, at)
    delta, at = decode_varint(data, at)
    key, at = _bytes(data, at, end)
    value, at = _bytes(data, at, end)
    count, at = decode_varint(data, at)
    headers = []
    for _ in range(min(count, MAX_HEADERS + 1)):
        name, at = _bytes(data, at, end)
        held, at = _bytes(data, at, end)
        headers.append(((name or b"").decode("utf-8", "replace"), held))
    if at != end and count <= MAX_HEADERS:
        raise CorruptRecordException("a record is longer than its fields")
    written = batch.max_timestamp if batch.timestamp_type else batch.first_timestamp + since
    record = DefaultRecord(batch.base_offset + delta, written, batch.timestamp_type, key, value, headers)
    return record, end


def _bytes(data: "bytes | memoryview", at: int, end: int) -> tuple[bytes | None, int]:
    length, at = decode_varint(data, at)
    if length < 0:
        return None, at
    if at + length > end:
        raise CorruptRecordException("a field is longer than its record")
    return bytes(data[at : at + length]), at + length


class BoundedResult(fetcher.FetchResult):  # type: ignore[misc]
    """The records fetched of one partition, handed out as the allowance permits; the rest is kept."""

    def __init__(self, tp: Any, **options: Any) -> None:
        super().__init__(tp, **{**options, "backoff": _UNTIL_HANDED_OUT})

    def getall(self, max_records: int | None = None) -> list[Record]:
        taken: list[Record] = []
        if ALLOWANCE.left <= 0 or not self.check_assignment(self._topic_partition) or not self.has_more():
            return taken
        for record in self._partition_records:  # type: ignore[has-type]
            taken.append(record)
            if ALLOWANCE.left <= 0 or len(taken) == max_records:
                self._update_position()
                return taken
        self._update_position()
        self._partition_records = None
        return taken

    def check_assignment(self, tp: Any) -> bool:
        records = self._partition_records
        asked_for = bool(super().check_assignment(tp))
        if not asked_for:
            _let_go(records)
        return asked_for

    def __del__(self) -> None:
        _let_go(self._partition_records)


def _let_go(records: Any) -> None:
    """Close the iterator of records: it and they hold each other, and unpacked memory, until cycles are collected."""
    if records is not None and records._records_iterator is not None:  # noqa: SLF001
        records._records_iterator.close()  # noqa: SLF001


def _handed_out(_: fetcher.PartitionRecords, place: TopicPartition, record: DefaultRecord) -> Record:
    """Return a record as the engine reads it, without the client's own form in between.

    Header values stay bytes: they may be null or not UTF-8.
    """
    headers = tuple(record.headers)
    return Record(place.topic, place.partition, record.offset, record.timestamp, record.key, record.value, headers)


_fetched_records = fetcher.Fetcher.fetched_records


async def _bounded_records(asked: Any, *arguments: Any, **options: Any) -> Any:
    """Refill the allowance at every call of a consumer, and fetch."""
    ALLOWANCE.refill()
    return await _fetched_records(asked, *arguments, **options)


fetcher.MemoryRecords = FetchedBatches
fetcher.FetchResult = BoundedResult
fetcher.PartitionRecords._consumer_record = _handed_out  # noqa: SLF001
fetcher.Fetcher.fetched_records = _bounded_records
