"""Search for a text in packed records, at every place in them."""

import pytest

from shared.messaging.message import Record, pack, packed_forms

TEXT = b"4810000000000017"


@pytest.mark.parametrize("before", range(7))
@pytest.mark.parametrize("after", [b"", b'"', b'","more":1}'])
def test_text_is_found_at_every_place(before: int, after: bytes) -> None:
    packed = pack(Record("requests", 0, 0, 0, None, b"x" * before + TEXT + after, ()))
    assert any(form in packed for form in packed_forms(TEXT))


def test_other_text_is_not_found() -> None:
    packed = pack(Record("requests", 0, 0, 0, b"4810000000001017", b'{"participant_id":"4810000000001017"}', ()))
    assert not any(form in packed for form in packed_forms(TEXT))
