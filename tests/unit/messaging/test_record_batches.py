"""Record batches: taken apart within bounds, or handed out whole, with reading going on behind them."""

import gzip
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cramjam
import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from shared.contracts.envelope import MAX_HEADERS
from shared.contracts.park_reasons import ParkReason
from shared.messaging.message import RawBatch
from shared.messaging.reading import record_batches
from shared.messaging.reading.decompression import LARGEST_BYTES
from shared.messaging.reading.record_batches import ALLOWANCE, AT_ONCE, BoundedResult, FetchedBatches

PLACE = TopicPartition("requests", 3)
CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
MIB = 1 << 20


@pytest.fixture(autouse=True)
def _refilled() -> None:
    ALLOWANCE.refill()


def a_batch(values: Sequence[bytes], *, base: int = 0, codec: int = 0, **producer: Any) -> bytes:
    """Return a batch as a broker gives it, with records from an offset on."""
    options = {"is_transactional": 0, "producer_id": -1, "producer_epoch": -1, "base_sequence": -1, **producer}
    builder = DefaultRecordBatchBuilder(magic=2, compression_type=codec, batch_size=1 << 30, **options)
    for offset, value in enumerate(values):
        builder.append(offset, 1000 + offset, b"key", value, [("ce_id", b"%d" % offset)])
    return struct.pack(">q", base) + bytes(builder.build())[8:]


def repacked(batch: bytes, packed: bytes, codec: int) -> bytes:
    """Return the batch with other bytes for its records and a valid checksum."""
    attributes = struct.unpack_from(">h", batch, 21)[0] & ~7 | codec
    body = struct.pack(">h", attributes) + batch[23:61] + packed
    return batch[:8] + struct.pack(">i", 49 + len(packed)) + batch[12:17] + struct.pack(">I", calc_crc32c(body)) + body


def handed_out(data: bytes, at: int = 0, isolation: int = 1) -> list[Any]:
    """Return all records that a consumer gets of an answer which it requested from this offset on."""
    return list(records_of(data, at, isolation))


def records_of(data: bytes, at: int = 0, isolation: int = 1) -> fetcher.PartitionRecords:
    return fetcher.PartitionRecords(PLACE, fetcher.MemoryRecords(data), [], at, None, None, True, isolation)


def test_client_uses_our_record_batches() -> None:
    assert fetcher.MemoryRecords is FetchedBatches
    assert fetcher.FetchResult is BoundedResult


@pytest.mark.parametrize("codec", [0, *CODECS.values()], ids=["plain", *CODECS])
def test_batch_within_the_bound_is_unpacked_unchanged(codec: int) -> None:
    values = [b"%d" % number * 50 for number in range(200)]
    data = a_batch(values, base=40, codec=codec) + a_batch([b"next"], base=240, codec=codec)
    records = handed_out(data, 40)
    assert [record.value for record in records] == [*values, b"next"]
    assert [record.offset for record in records] == list(range(40, 241))
    assert [record.timestamp for record in records[:3]] == [1000, 1001, 1002]
    assert records[7].key == b"key"
    assert records[7].headers == (("ce_id", b"7"),)


@pytest.mark.parametrize("codec", CODECS.values(), ids=list(CODECS))
@pytest.mark.parametrize("over", [0, 1])
def test_batch_beyond_the_bound_is_handed_out_whole_without_neighbours(codec: int, over: int) -> None:
    one = a_batch([b""])
    bomb = a_batch([b"\0" * (LARGEST_BYTES - (len(one) - 61) - 6 + over)], base=1, codec=codec)
    records = handed_out(a_batch([b"before"], codec=codec) + bomb + a_batch([b"after"], base=2, codec=codec))
    values = [record.value for record in records]
    assert (values[0], values[2]) == (b"before", b"after")
    if over:
        assert isinstance(values[1], RawBatch)
        assert (values[1], values[1].reason, values[1].base_offset) == (bomb, ParkReason.TOO_LARGE, 1)
    else:
        assert set(values[1]) == {0}


def test_bomb_of_many_records_is_one_record_at_its_last_offset() -> None:
    bomb = a_batch([b"\0" * 300_000] * 128, base=10, codec=CODECS["zstd"])
    assert len(bomb) < 20_000
    (record,) = handed_out(bomb, 10)
    assert (record.offset, record.value.base_offset, record.headers) == (137, 10, ())


def test_reading_from_the_middle_of_a_bomb_goes_on_behind_it() -> None:
    """An earlier version may have read some of its records."""
    records = records_of(a_batch([b"\0" * 300_000] * 128, base=10, codec=4), 50)
    assert [record.offset for record in records] == [137]
    assert records.next_fetch_offset == 138


@pytest.mark.parametrize("codec", CODECS.values(), ids=list(CODECS))
def test_batch_that_does_not_unpack_is_handed_out_whole(codec: int) -> None:
    broken = repacked(a_batch([b"x"] * 5, base=1, codec=codec), b"\xff" * 40, codec)
    records = handed_out(a_batch([b"before"]) + broken + a_batch([b"after"], base=6))
    assert [record.offset for record in records] == [0, 5, 6]
    assert (records[1].value, records[1].value.reason) == (broken, ParkReason.BAD_ENVELOPE)


def test_batch_of_an_unknown_codec_is_handed_out_whole() -> None:
    (record,) = handed_out(repacked(a_batch([b"x"]), b"?", 7))
    assert record.value.reason is ParkReason.BAD_ENVELOPE


def test_batch_with_a_wrong_checksum_ends_where_the_next_begins() -> None:
    broken = bytearray(a_batch([b"x"] * 5, base=1))
    broken[23:27] = struct.pack(">i", 9999)
    records = records_of(a_batch([b"before"]) + bytes(broken) + a_batch([b"after"], base=6))
    assert [record.offset for record in records] == [0, 5, 6]
    assert records.next_fetch_offset == 7


def test_last_batch_with_a_wrong_checksum_ends_by_two_equal_counts() -> None:
    broken = bytearray(a_batch([b"x"] * 5, base=1))
    broken[-1] ^= 1
    assert [record.offset for record in handed_out(bytes(broken), 1)] == [5]


def test_batch_with_an_unknown_end_is_not_skipped() -> None:
    broken = bytearray(a_batch([b"x"] * 5, base=1))
    broken[23:27] = struct.pack(">i", 9999)
    with pytest.raises(CorruptRecordException):
        handed_out(bytes(broken), 1)


def test_header_name_that_is_not_utf8_affects_no_other_record() -> None:
    data = bytearray(a_batch([b"one", b"two", b"three"], base=4))
    at = data.index(b"ce_id", data.index(b"two"))
    data[at : at + 2] = b"\xff\xfe"
    records = handed_out(repacked(bytes(data), bytes(data[61:]), 0), 4)
    assert [(record.offset, record.value) for record in records] == [(4, b"one"), (5, b"two"), (6, b"three")]
    assert [record.headers[0] for record in records] == [("ce_id", b"0"), ("\ufffd\ufffd_id", b"1"), ("ce_id", b"2")]
    assert [record.timestamp for record in records] == [1000, 1001, 1002]


def test_broken_record_is_handed_out_whole_after_the_sound_ones() -> None:
    data = a_batch([b"one", b"two", b"three"], base=4)
    cut = repacked(data, data[61:-7], 0)
    records = handed_out(cut, 4)
    assert [record.offset for record in records] == [4, 5, 6]
    assert (records[2].value, records[2].value.base_offset) == (cut, 6)


def test_packed_batch_of_the_old_format_is_handed_out_whole() -> None:
    builder = LegacyRecordBatchBuilder(magic=1, compression_type=1, batch_size=1 << 20)
    builder.append(0, 1000, None, b"x" * 1000)
    old = bytes(builder.build())
    (record, after) = handed_out(old + a_batch([b"after"], base=1))
    assert (record.value, record.value.reason, after.value) == (old, ParkReason.BAD_ENVELOPE, b"after")


def test_aborted_batch_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_batches, "unpack", lambda *_: pytest.fail("unpacked"))
    taken_back = a_batch([b"x"], codec=4, is_transactional=1, producer_id=7, producer_epoch=0, base_sequence=0)
    records = fetcher.PartitionRecords(
        PLACE, fetcher.MemoryRecords(taken_back + a_batch([b"after"], base=1)), [(7, 0)], 0, None, None, True, 1
    )
    assert [record.value for record in records] == [b"after"]


def test_answer_cut_in_a_batch_yields_the_whole_batches_before() -> None:
    whole, cut = a_batch([b"a"]), a_batch([b"b"], base=1)
    assert [record.value for record in handed_out(whole + cut[:-3])] == [b"a"]
    assert [record.value for record in handed_out(whole + cut[:5])] == [b"a"]


def test_gzip_of_several_members_is_unpacked_to_its_end() -> None:
    plain = a_batch([b"one", b"two"])
    packed = gzip.compress(plain[61:70]) + gzip.compress(plain[70:])
    assert [record.value for record in handed_out(repacked(plain, packed, 1))] == [b"one", b"two"]


def test_snappy_is_unpacked_in_one_block_and_in_frames() -> None:
    plain = a_batch([b"one", b"two"])
    packed = bytes(cramjam.snappy.compress_raw(plain[61:]))
    assert [record.value for record in handed_out(repacked(plain, packed, 2))] == [b"one", b"two"]


class Assignment:
    """An assigned partition and the position in it."""

    active = True

    def __init__(self) -> None:
        self.position = 0
        self.state = SimpleNamespace(paused=False, position=0, consumed_to=self._consumed_to)

    def state_value(self, _: TopicPartition) -> Any:
        return self.state

    def _consumed_to(self, position: int) -> None:
        self.state.position = position


def a_result(data: bytes) -> BoundedResult:
    return BoundedResult(PLACE, assignment=Assignment(), partition_records=records_of(data), backoff=0.1)


def portions(result: BoundedResult, at_most: int = 3000) -> Iterator[list[bytes]]:
    while result.has_more():
        ALLOWANCE.refill()
        yield [record.value or b"" for record in result.getall(at_most)]


def test_large_records_are_handed_out_a_few_at_once() -> None:
    values = [b"%03d" % number + b"\0" * (255 * 1024) for number in range(120)]
    found = list(portions(a_result(a_batch(values, codec=4))))
    assert [value for portion in found for value in portion] == values
    assert all(sum(map(len, portion)) <= AT_ONCE + 256 * 1024 for portion in found)


def test_headers_count_as_much_as_values() -> None:
    builder = DefaultRecordBatchBuilder(2, 4, 0, -1, -1, -1, 1 << 30)
    for offset in range(100):
        builder.append(offset, 0, None, b"", [("h", b"\0" * 200_000)])
    found = list(portions(a_result(bytes(builder.build()))))
    assert max(map(len, found)) <= AT_ONCE // 200_000 + 1
    assert sum(map(len, found)) == 100


def a_record_with_headers(number: int) -> bytes:
    """Return a packed batch of one record with so many headers of two bytes each: no name, no value."""
    body = b"\0\0\0\1\2x" + varint(number) + b"\0\1" * number
    return repacked(a_batch([b"x"]), gzip.compress(varint(len(body)) + body), CODECS["gzip"])


def varint(number: int) -> bytes:
    zigzag, found = number << 1, b""
    while zigzag > 0x7F:
        found, zigzag = found + bytes([zigzag & 0x7F | 0x80]), zigzag >> 7
    return found + bytes([zigzag])


@pytest.mark.parametrize("number", [10_000, 10_001, 200_000, 8_000_000])
def test_too_many_headers_are_cut_to_one_more_than_allowed(number: int) -> None:
    bomb = a_record_with_headers(number)
    before = _resident()
    (record,) = handed_out(bomb + a_batch([b"next"], base=1), 0)[:1]
    assert record.value == b"x"
    assert len(record.headers) == min(number, MAX_HEADERS + 1)
    assert _resident() - before < 64 * MIB
    assert [record.offset for record in handed_out(bomb + a_batch([b"next"], base=1))] == [0, 1]


def test_short_headers_count_against_the_allowance() -> None:
    builder = DefaultRecordBatchBuilder(2, 4, 0, -1, -1, -1, 1 << 30)
    for offset in range(3000):
        builder.append(offset, 0, None, b"", [("", None)] * 1000)
    found = list(portions(a_result(bytes(builder.build()))))
    assert max(map(len, found)) <= AT_ONCE // 64_000 + 1
    assert sum(map(len, found)) == 3000


def test_large_record_among_small_ones_counts_by_its_own_size() -> None:
    values = [b"\0" * MIB] * 20 + [b"x"] * 5000
    found = list(portions(a_result(a_batch(values, codec=4))))
    assert max(sum(map(len, portion)) for portion in found) <= AT_ONCE + MIB


def test_small_records_are_handed_out_up_to_the_number_requested() -> None:
    found = list(portions(a_result(a_batch([b"x" * 100] * 1000, codec=3)), at_most=300))
    assert [len(portion) for portion in found] == [300, 300, 300, 100]


def test_bomb_ends_the_answer() -> None:
    bomb = a_batch([b"\0" * (LARGEST_BYTES + 1)], codec=4)
    result = a_result(bomb + bomb.replace(bomb[:8], struct.pack(">q", 1), 1))
    found = list(portions(result))
    assert [len(portion) for portion in found] == [1, 1, 0]


def test_used_up_allowance_hands_out_and_loses_nothing() -> None:
    result = a_result(a_batch([b"x"]))
    ALLOWANCE.left = 0
    assert result.getall(10) == []
    assert result.has_more()
    ALLOWANCE.refill()
    assert [record.value for record in result.getall(10)] == [b"x"]


def test_broker_is_not_fetched_before_its_answer_is_handed_out() -> None:
    assert a_result(a_batch([b"x"])).calculate_backoff() > 3600


def test_unpacking_leaves_no_memory_behind() -> None:
    bomb = a_batch([b"\0" * (LARGEST_BYTES - 1000)], codec=4)
    before = _resident()
    for _ in range(5):
        handed_out(bomb)
    assert _resident() - before < 16 * MIB


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def test_each_call_has_the_whole_allowance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another consumer has used the allowance up before."""
    found: list[int] = []

    async def drain(*_: object, **__: object) -> dict[Any, Any]:
        found.append(ALLOWANCE.left)
        return {}

    monkeypatch.setattr(record_batches, "_fetched_records", drain)
    ALLOWANCE.left = 0
    await fetcher.Fetcher.fetched_records(None, [])
    assert found == [AT_ONCE]
