"""The participant whom a record is about, also of records that cannot be understood."""

import pytest

from shared.contracts.person import person_of

PERSON, OTHER = "4810000000000017", "4810000000000025"


@pytest.mark.parametrize(
    ("key", "value", "person"),
    [
        (None, b'{"participant_id":"4810000000000017","x":1}', PERSON),
        (OTHER.encode(), b'{"data": {"participant_id" : "4810000000000017"}}', PERSON),
        (PERSON.encode(), b'{"participant_id": broken', PERSON),
        (OTHER.encode(), rb'{"p\u0061rticipant_id":"\u00348100000000000\u00317"}', PERSON),
        (OTHER.encode(), b'{"data_base64": "eyJwYXJ0aWNpcGFudF9pZCI6IjQ4MTAwMDAwMDAwMDAwMTcifQ=="}', PERSON),
        (OTHER.encode(), b'{"data_base64": "eyJwYXJ0aWNpcGFudF9pZ"}', OTHER),
        (PERSON.encode(), None, PERSON),
        (PERSON.encode(), b'{"participant_id":"481"}', PERSON),
        (b"7Q2M9K4T1B8XW3ZA", b'{"reference":"7Q2M9K4T1B8XW3ZA"}', None),
        (b"\xff", b"\xff", None),
        (PERSON.encode() + b"0", b"", None),
        (None, None, None),
    ],
)
def test_person_is_named_by_the_value_else_by_the_key(key: bytes | None, value: bytes | None, person: str) -> None:
    assert person_of(key, value) == person
