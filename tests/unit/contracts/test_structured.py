"""Structured mode: the envelope stands inside the JSON, so the checks of the JSON come first."""

import json
from base64 import b64encode
from typing import Any

import pytest

from shared.contracts.envelope import open_envelope
from tests.builders import a_purchase
from tests.unit.contracts.decoding import park_answer

PURCHASE = a_purchase("4810000000000017")
HEADERS = [("content-type", b"application/cloudevents+json; charset=utf-8")]
WHOLE: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/platforms/pintar",
    "type": PURCHASE.type.name,
    "time": "2023-02-21T03:00:00Z",
    "datacontenttype": "application/json",
    "data": PURCHASE.data,
}

# An attribute that is null is as good as absent.
NOTHING = dict.fromkeys(("subject", "datacontenttype", "traceparent", "data_base64"))


def structured(**changes: object) -> bytes:
    """Names given as None are left out."""
    return json.dumps({name: value for name, value in {**WHOLE, **changes}.items() if value is not None}).encode()


def test_structured_mode_gives_the_same_event_as_binary_mode() -> None:
    known = {PURCHASE.type.name}
    value = structured(
        subject="481", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01", era="1.1", partitionkey="k"
    )
    envelope = open_envelope(value, HEADERS, known)
    binary = open_envelope(PURCHASE.value, PURCHASE.headers, known)
    assert (envelope.id, envelope.source, envelope.subject) == ("e-1", "/platforms/pintar", "481")
    assert envelope.traceparent
    assert envelope.type == binary.type
    assert PURCHASE.type.parse(envelope.data) == PURCHASE.type.parse(binary.data)


CASES = {
    "whole": (structured(), ("", "")),
    "without datacontenttype": (structured(datacontenttype=None), ("", "")),
    "data in base64": (structured(data=None, data_base64=b64encode(PURCHASE.value).decode()), ("", "")),
    "data in base64, broken inside": (structured(data=None, data_base64="eyJh"), ("invalid_json", "")),
    "no base64": (structured(data=None, data_base64="%%"), ("bad_envelope", "data_base64")),
    "not ASCII": (structured(data=None, data_base64="é"), ("bad_envelope", "data_base64")),
    "data twice": (structured(data_base64="e30="), ("bad_envelope", "data_base64")),
    "no id": (structured(id=None), ("bad_envelope", "ce_id")),
    "an id that is a number": (structured(id=7), ("bad_envelope", "ce_id")),
    "an id too long": (structured(id="x" * 129), ("bad_envelope", "ce_id")),
    "another version": (structured(specversion="0.3"), ("bad_envelope", "ce_specversion")),
    "a time that is none": (structured(time="2023-02-21"), ("bad_envelope", "ce_time")),
    "XML": (structured(datacontenttype="text/xml"), ("bad_envelope", "datacontenttype")),
    "a content type that is a number": (structured(datacontenttype=5), ("bad_envelope", "datacontenttype")),
    "an unknown type": (structured(type="salur.unknown.v1"), ("unknown_type", "")),
    "no data": (structured(data=None), ("invalid_json", "")),
    "data that is a text": (structured(data="{}"), ("invalid_json", "")),
    "a field that is wrong": (structured(data={**PURCHASE.data, "hours": "18"}), ("invalid_field", "/hours")),
    "a number that no field can hold": (structured().replace(b"1500000", b"1e400"), ("invalid_field", "/price/value")),
    "more digits than a parser reads": (
        structured().replace(b"1500000", b"9" * 5000),
        ("invalid_field", "/price/value"),
    ),
    "NaN": (structured().replace(b"1500000", b"NaN"), ("invalid_json", "")),
    "attributes that are null": (json.dumps({**WHOLE, **NOTHING}).encode(), ("", "")),
    "a list": (b"[]", ("invalid_json", "")),
    "an attribute twice": (structured()[:-1] + b',"id":"e-2"}', ("duplicate_key", "")),
    "a key of the data twice": (structured().replace(b'"hours"', b'"hours":1,"hours"'), ("duplicate_key", "")),
    "too deep, and without id": (structured(id=None, data=[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]), ("too_deep", "")),
    "too large": (structured(note="x" * 256 * 1024), ("too_large", "")),
}


@pytest.mark.parametrize(("value", "parked"), CASES.values(), ids=CASES)
def test_structured_event_is_complete_or_parked(value: bytes, parked: tuple[str, str]) -> None:
    assert park_answer(PURCHASE, value, HEADERS) == parked
