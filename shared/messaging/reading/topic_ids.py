"""Fetches by topic ids: a topic that was deleted and made anew under its name is not read as the old one.

Fetched by name, a new topic that has grown past the reader's position would be read on. Kafka gives ids (metadata 12)
and takes them (fetch 13); the client does neither, so both are added to its consumer here.
"""

import struct
from collections.abc import Collection, Iterator, Mapping
from io import BytesIO
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import IncompatibleBrokerVersion, OffsetOutOfRangeError
from aiokafka.protocol.api import RequestStruct, Response
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

_ID_BYTES = 16
_NONE = bytes(_ID_BYTES)
_NO_TAGS = b"\0"
_END_OF_LISTS = b"\1\1" + _NO_TAGS  # No topic is forgotten, and this client stands in no rack.
# UNKNOWN_TOPIC_ID and INCONSISTENT_TOPIC_ID, as an error that the client knows: the position is gone.
_GONE = {100: OffsetOutOfRangeError.errno, 103: OffsetOutOfRangeError.errno}
_FETCH, _FETCH_VERSION = 1, 13
_METADATA, _METADATA_VERSION = 3, 12

TopicIds = Mapping[str, bytes]
"""Ids by topic name; a topic without one is fetched by its name."""
NO_IDS: TopicIds = {}


class IdentifyingConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """A consumer that fetches by `topic_ids`. It raises OffsetOutOfRangeError if no topic has such an id."""

    def __init__(self, *topics: str, **settings: Any) -> None:
        super().__init__(*topics, **settings)
        self.topic_ids = NO_IDS
        self._send = self._client.send
        self._client.send = self._send_by_id

    def fetch_by_ids(self, topic_ids: TopicIds) -> None:
        """Fetch from now on by these ids."""
        self.topic_ids = topic_ids

    async def ask_ids(self, names: Collection[str]) -> dict[str, bytes]:
        """Return the ids of the topics that exist; an empty dict from a broker without ids."""
        try:
            found = await self._client.send(self._client.get_random_node(), _ById(_IdsRequest(names)))
        except IncompatibleBrokerVersion:
            return {}
        return {topic: id_ for _, topic, id_, *_ in found.topics if id_ != _NONE}

    async def _send_by_id(self, node_id: int, request: Any, **options: Any) -> Any:
        ids = self.topic_ids
        if not isinstance(request, FetchRequest) or not all(topic in ids for topic, _ in request.topics):
            return await self._send(node_id, request, **options)
        response = await self._send(node_id, _ById(_FetchRequest(request, ids), request), **options)
        if isinstance(response, _FetchResponse):
            response.name_topics({ids[topic]: topic for topic, _ in request.topics})
        return response


class _ById:
    """A request by ids to a broker that has them, else by names."""

    def __init__(self, by_id: "_FetchRequest | _IdsRequest", by_name: Any = None) -> None:
        self._by_id = by_id
        self._by_name = by_name

    def prepare(self, versions: Mapping[int, tuple[int, int]]) -> Any:
        """Return the request. Raise IncompatibleBrokerVersion if the broker has no ids and there is none by name."""
        least, most = versions.get(self._by_id.API_KEY, (0, 0))
        if least <= self._by_id.API_VERSION <= most:
            return self._by_id
        if self._by_name is None:
            raise IncompatibleBrokerVersion("a broker before Kafka 3.1 has no topic ids; update it")
        return self._by_name.prepare(versions)


class _FetchResponse(Response):  # type: ignore[misc]
    """An answer, with `topics` as the client reads them: (topic, [(partition, error, high water, ..., records)])."""

    API_KEY = _FETCH
    API_VERSION = _FETCH_VERSION

    def __init__(self, by_id: "list[tuple[bytes, list[tuple[Any, ...]]]]") -> None:
        super().__init__()
        self._by_id = by_id
        self.topics: list[tuple[str, list[tuple[Any, ...]]]] = []

    @classmethod
    def decode(cls, data: "BytesIO | bytes") -> "_FetchResponse":
        """Decode the answer, by hand, since every poll of every partition comes through here."""
        reader = _Reader(data.read() if isinstance(data, BytesIO) else data)
        reader.at = struct.calcsize(">ihi")
        topics = []
        for _ in reader.items():
            id_ = reader.take(_ID_BYTES)
            topics.append((id_, [_partition(reader) for _ in reader.items()]))
            reader.skip_tags()
        return cls(topics)

    def name_topics(self, names: Mapping[bytes, str]) -> None:
        self.topics = [(names[id_], partitions) for id_, partitions in self._by_id]


def _partition(reader: "_Reader") -> tuple[Any, ...]:
    partition, error, high_water, stable, start = reader.unpack(_PARTITION)
    aborted = []
    for _ in reader.items():
        aborted.append(reader.unpack(_ABORTED))
        reader.skip_tags()
    (replica,) = reader.unpack(_REPLICA)
    records = reader.take(max(0, reader.number() - 1))
    reader.skip_tags()
    return partition, _GONE.get(error, error), high_water, stable, start, aborted, replica, records


_PARTITION, _ABORTED, _REPLICA = struct.Struct(">ihqqq"), struct.Struct(">qq"), struct.Struct(">i")


class _Reader:
    """A reader of Kafka's compact forms, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def unpack(self, form: struct.Struct) -> tuple[Any, ...]:
        self.at += form.size
        return form.unpack_from(self._data, self.at - form.size)

    def take(self, size: int) -> bytes:
        """Return the next bytes. Raise ValueError if there are fewer."""
        taken = self._data[self.at : self.at + size]
        self.at += size
        if len(taken) < size:
            raise ValueError("the answer ends too early")
        return taken

    def number(self) -> int:
        value = shift = 0
        while (byte := self._data[self.at]) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
            self.at += 1
        self.at += 1
        return value | byte << shift

    def items(self) -> Iterator[int]:
        return iter(range(self.number() - 1))

    def skip_tags(self) -> None:
        for _ in range(self.number()):
            self.number()
            self.take(self.number())


def _number(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


class _FetchRequest(RequestStruct):  # type: ignore[misc]
    """The client's fetch request, by ids."""

    API_KEY = _FETCH
    API_VERSION = _FETCH_VERSION
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _FetchResponse
    SCHEMA = Schema()

    def __init__(self, request: Any, ids: TopicIds) -> None:
        super().__init__()
        self._request = request
        self._ids = ids

    def encode(self) -> bytes:
        asked = self._request
        bounds = (asked._max_wait_ms, asked._min_bytes, asked._max_bytes, asked._isolation_level)  # noqa: SLF001
        topics = [
            self._ids[topic] + _number(len(places) + 1) + b"".join(map(_place, places)) + _NO_TAGS
            for topic, places in asked.topics
        ]
        return b"".join((_BOUNDS.pack(-1, *bounds, 0, -1), _number(len(topics) + 1), *topics, _END_OF_LISTS))


_BOUNDS, _PLACE = struct.Struct(">iiiibii"), struct.Struct(">iiqiqi")


def _place(asked: tuple[int, int, int]) -> bytes:
    partition, offset, at_most = asked
    return _PLACE.pack(partition, -1, offset, -1, -1, at_most) + _NO_TAGS


class _Id:
    """The id of a topic, in the client's protocol of field types."""

    @staticmethod
    def decode(data: BytesIO) -> bytes:
        return data.read(_ID_BYTES)


class _IdsResponse(Response):  # type: ignore[misc]
    API_KEY = _METADATA
    API_VERSION = _METADATA_VERSION
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Id),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("in_sync", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _IdsRequest(RequestStruct):  # type: ignore[misc]
    """A request for topics by name that creates none."""

    API_KEY = _METADATA
    API_VERSION = _METADATA_VERSION
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _IdsResponse
    SCHEMA = Schema()

    def __init__(self, names: Collection[str]) -> None:
        super().__init__()
        self._names = names

    def encode(self) -> bytes:
        topics = [_NONE + _number(len(name) + 1) + name.encode() + _NO_TAGS for name in self._names]
        return b"".join((_number(len(topics) + 1), *topics, b"\0\0", _NO_TAGS))
