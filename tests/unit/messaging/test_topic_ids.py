"""Fetches by topic id: requests in Kafka's form, answers in the client's."""

import struct
from io import BytesIO

import pytest
from aiokafka.errors import IncompatibleBrokerVersion
from aiokafka.protocol.fetch import FetchRequest

from shared.messaging.reading import topic_ids

ID, OTHER = bytes(range(16)), bytes(16 * [7])
PARTITION = ">ihqqq"


def number(value: int) -> bytes:
    """Return a number as an unsigned varint."""
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + number(value >> 7)


def a_partition(
    records: bytes, error: int = 0, aborted: tuple[tuple[int, int], ...] = (), tags: bytes = b"\0"
) -> bytes:
    listed = b"".join(struct.pack(">qq", *one) + b"\0" for one in aborted)
    head = struct.pack(PARTITION, 3, error, 90, 80, 10) + number(len(aborted) + 1) + listed
    return head + struct.pack(">i", -1) + number(len(records) + 1) + records + tags


def an_answer(*partitions: bytes) -> topic_ids._FetchResponse:
    topics = number(2) + ID + number(len(partitions) + 1) + b"".join(partitions) + b"\0"
    answer = topic_ids._FetchResponse.decode(BytesIO(struct.pack(">ihi", 0, 0, 0) + topics + b"\0"))
    answer.name_topics({ID: "requests", OTHER: "others"})
    return answer


def test_answer_is_decoded_as_the_client_decodes_it() -> None:
    tagged = number(1) + number(1) + number(300) + b"t" * 300
    answer = an_answer(a_partition(b"r" * 70_000, aborted=((5, 6), (7, 8)), tags=tagged), a_partition(b""))
    assert answer.topics == [
        ("requests", [(3, 0, 90, 80, 10, [(5, 6), (7, 8)], -1, b"r" * 70_000), (3, 0, 90, 80, 10, [], -1, b"")])
    ]


@pytest.mark.parametrize(("error", "told"), [(100, 1), (103, 1), (6, 6), (3, 3)])
def test_unknown_topic_id_is_reported_as_offset_out_of_range(error: int, told: int) -> None:
    ((_, ((_, code, *_),)),) = an_answer(a_partition(b"", error)).topics
    assert code == told


def test_answer_that_ends_too_early_is_refused() -> None:
    with pytest.raises(ValueError, match="too early"):
        topic_ids._FetchResponse.decode(struct.pack(">ihi", 0, 0, 0) + number(2) + ID[:9])


def test_request_uses_ids_only_with_a_broker_that_has_them() -> None:
    request = FetchRequest(50, 1, 4096, 1, [("requests", [(3, 70, 2048)])])
    asked = topic_ids._ById(topic_ids._FetchRequest(request, {"requests": ID}), request)
    place = struct.pack(">iiqiqi", 3, -1, 70, -1, -1, 2048) + b"\0"
    expected = (
        struct.pack(">iiiibii", -1, 50, 1, 4096, 1, 0, -1) + number(2) + ID + number(2) + place + b"\0" + b"\1\1\0"
    )
    assert asked.prepare({1: (4, 17)}).encode() == expected
    assert asked.prepare({1: (0, 11)}).API_VERSION == 11
    with pytest.raises(IncompatibleBrokerVersion, match="has no topic ids"):
        topic_ids._ById(topic_ids._IdsRequest(["requests"])).prepare({3: (0, 11)})
