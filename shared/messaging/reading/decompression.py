"""Unpack record batches into memory of a fixed size: what does not fit is found out before it is there."""

import mmap
import struct

import cramjam
from aiokafka.errors import UnsupportedCodecError
from aiokafka.record.default_records import DefaultRecordBatch

LARGEST_BYTES = 32 << 20
HEADER_BYTES = 61

_ATTRIBUTES = slice(21, 23)
_CODEC = 0x07
# Beyond this an unpacked batch is not copied out of the memory it stands in.
_COPIED_AT_MOST = 1 << 20
# How Java frames the blocks of snappy: a magic word, two versions, and each block behind its length.
_XERIAL, _XERIAL_BYTES = b"\x82SNAPPY\x00", 16


class TooLarge(Exception):
    """A record batch would unpack to more than LARGEST_BYTES."""


def unpack(batch: memoryview, codec: int) -> "bytes | memoryview":
    """Return the same batch with its records unpacked. Raises TooLarge, or anything else when it is corrupt."""
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
    """Memory for one unpacked batch, used again and again. Untouched, it takes none."""

    def __init__(self) -> None:
        self.replace()

    def view(self) -> memoryview:
        return memoryview(self._memory)

    def replace(self) -> None:
        """Whoever has a view of it keeps it; the next batch gets other memory."""
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
            raise ValueError("a block of snappy that ends nowhere")
        written += _unpack_block(room[written:], packed[at + 4 : at + 4 + size])
        at += 4 + size
    return written


def _unpack_block(room: memoryview, packed: memoryview) -> int:
    """A block of snappy says first how large it is."""
    if cramjam.snappy.decompress_raw_len(packed) > len(room):
        raise TooLarge
    return int(cramjam.snappy.decompress_raw_into(packed, room))
