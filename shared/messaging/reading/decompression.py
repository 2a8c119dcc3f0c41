"""Decompression of record batches into memory of a fixed size, which a larger batch cannot exceed."""

import mmap
import struct

import cramjam
from aiokafka.errors import UnsupportedCodecError
from aiokafka.record.default_records import DefaultRecordBatch

from shared.errors import SalurError

LARGEST_BYTES = 32 << 20
HEADER_BYTES = 61

_ATTRIBUTES = slice(21, 23)
_CODEC = 0x07
# A larger unpacked batch is not copied out of the buffer; the buffer is replaced.
_COPIED_AT_MOST = 1 << 20
# How Java frames the blocks of snappy: a magic word, two versions, and each block behind its length.
_XERIAL, _XERIAL_BYTES = b"\x82SNAPPY\x00", 16


class TooLarge(SalurError):
    """A record batch unpacks to more than LARGEST_BYTES; it is parked as it is."""


def unpack(batch: memoryview, codec: int) -> "bytes | memoryview":
    """Return the batch with its records unpacked. Raise TooLarge, or any other error if it is corrupt."""
    header = bytearray(batch[:HEADER_BYTES])
    (attributes,) = struct.unpack(">h", header[_ATTRIBUTES])
    header[_ATTRIBUTES] = struct.pack(">h", attributes & ~_CODEC)
    room = _BUFFER.view()
    room[:HEADER_BYTES] = header
    size = len(room)
    try:
        size = HEADER_BYTES + _unpack_into(room[HEADER_BYTES:], batch[HEADER_BYTES:], codec)
        return bytes(room[:size]) if size <= _COPIED_AT_MOST else room[:size]
    finally:
        if size > _COPIED_AT_MOST:
            _BUFFER.replace()


class _Buffer:
    """Memory for one unpacked batch, reused for the next. Pages that were never written take no memory."""

    def __init__(self) -> None:
        self.replace()

    def view(self) -> memoryview:
        return memoryview(self._memory)

    def replace(self) -> None:
        """Take new memory for the next batch; views of the old one stay valid."""
        self._memory = mmap.mmap(-1, HEADER_BYTES + LARGEST_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


_BUFFER = _Buffer()


def _unpack_into(room: memoryview, packed: memoryview, codec: int) -> int:
    if codec == DefaultRecordBatch.CODEC_SNAPPY:
        return _unpack_snappy(room, packed)
    module = {
        DefaultRecordBatch.CODEC_GZIP: cramjam.gzip,
        DefaultRecordBatch.CODEC_LZ4: cramjam.lz4,
        DefaultRecordBatch.CODEC_ZSTD: cramjam.zstd,
    }.get(codec)
    if module is None:
        raise UnsupportedCodecError(f"no codec has the number {codec}")
    try:
        return int(module.decompress_into(packed, room))
    except cramjam.DecompressionError as error:
        if "failed to write whole buffer" in str(error):
            raise TooLarge from None
        raise


def _unpack_snappy(room: memoryview, packed: memoryview) -> int:
    if bytes(packed[: len(_XERIAL)]) != _XERIAL:
        return _unpack_block(room, packed)
    written, at = 0, _XERIAL_BYTES
    while at < len(packed):
        (size,) = struct.unpack_from(">i", packed, at)
        if not 0 < size <= len(packed) - at - 4:
            raise ValueError("a snappy block is longer than its batch")
        written += _unpack_block(room[written:], packed[at + 4 : at + 4 + size])
        at += 4 + size
    return written


def _unpack_block(room: memoryview, packed: memoryview) -> int:
    """Unpack one block, whose size stands at its beginning. Raise TooLarge if it does not fit."""
    if cramjam.snappy.decompress_raw_len(packed) > len(room):
        raise TooLarge
    return int(cramjam.snappy.decompress_raw_into(packed, room))
