"""Any bytes are decoded or parked under the right code; no other exception is raised."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.contracts import partner, upstream
from shared.contracts.envelope import MAX_RECORD_BYTES, open_envelope
from shared.contracts.events import EventType
from shared.contracts.park_reasons import Parked, ParkReason
from shared.contracts.published_files import file_name
from shared.contracts.strict_json import check_json
from tests.builders import LATER, a_purchase, programme_keys
from tests.contracts.test_published import SAMPLES
from tests.properties.contracts.json_texts import WHOLE, mutated, oracle
from tests.unit.contracts.decoding import DECODER

PURCHASE = a_purchase("4810000000000017")
NAMES = [name for name, _ in PURCHASE.headers]
TYPE = PURCHASE.type.name.encode()
THOROUGH = settings(max_examples=1000, deadline=None)
EACH_EVENT = settings(max_examples=200, deadline=None)
STRUCTURED = {
    "specversion": "1.0",
    "id": "1",
    "source": "/a",
    "type": PURCHASE.type.name,
    "time": "2023-02-21T03:00:00Z",
    "datacontenttype": "application/json",
    "data": PURCHASE.data,
    "data_base64": "e30=",
}
PLANTED = "3273015204960001 0812"
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just([]), st.just({}))


def sample(event: EventType[Any]) -> str:
    return next(path.read_text() for path in SAMPLES if path.name == file_name(event))


def outcome(read: Callable[[], object]) -> ParkReason | None:
    try:
        read()
    except Parked as parked:
        return parked.reason
    return None


@THOROUGH
@given(st.one_of(WHOLE, mutated(), st.binary()))
@example(b'{"a":"b",":x":1,"c":"d" ,":x":2}')
@example(b'{"a":["' + b'\\"' * 1000)
@example(b'{"a":"' + b"[" * 20)
@example(b"[" * 17 + b"]" * 17)
@example(b"]" * 17 + b"[" * 17)
@example(b'{"a":1e400}')
@example(b'{"a":"' + b"9" * 5000 + b'","b":-' + b"9" * 5000 + b"}")
@example(b'{"a":1,"a":' + b"9" * 5000 + b"}")
@example(b'{"a":0' + b"9" * 5000 + b"}")
def test_json_is_checked_as_a_slow_reader_would(data: bytes) -> None:
    assert outcome(lambda: check_json(data)) == oracle(data)


@THOROUGH
@given(
    st.none() | st.binary() | mutated() | st.just(b" " * (MAX_RECORD_BYTES + 1)),
    st.lists(
        st.tuples(
            st.sampled_from([*NAMES, "ce_subject", "traceparent", "ce_era", "ce_sequence"]) | st.text(),
            st.none() | st.binary() | st.sampled_from([value for _, value in PURCHASE.headers]),
        )
    ),
    st.booleans(),
)
def test_headers_of_any_kind_come_to_an_envelope_or_are_parked(
    value: bytes | None, headers: list[tuple[str, bytes | None]], good_first: bool
) -> None:
    every = [*PURCHASE.headers, *headers] if good_first else headers
    assert outcome(lambda: open_envelope(value, every, {PURCHASE.type.name})) in {
        *(None, ParkReason.TOO_LARGE, ParkReason.NULL_VALUE, ParkReason.BAD_ENVELOPE, ParkReason.UNKNOWN_TYPE),
        *(ParkReason.TOO_DEEP, ParkReason.INVALID_JSON, ParkReason.DUPLICATE_KEY),
    }


@THOROUGH
@given(st.dictionaries(st.sampled_from(sorted(STRUCTURED)), PLAIN), st.sets(st.sampled_from(sorted(STRUCTURED))))
def test_structured_event_of_any_kind_is_decoded(changes: dict[str, Any], left_out: set[str]) -> None:
    event = {name: value for name, value in {**STRUCTURED, **changes}.items() if name not in left_out}
    record = PURCHASE.record()
    value = json.dumps(event).encode()
    headers = (("content-type", b"application/cloudevents+json"),)
    decoded = DECODER.decode(type(record)(record.topic, 0, 0, 0, None, value, headers), LATER)
    assert (decoded.refusal is None) == (decoded.message is not None)


@pytest.mark.parametrize("event", [*upstream.EVENTS, *partner.EVENTS], ids=lambda event: event.name)
@given(st.binary() | WHOLE | mutated())
def test_data_of_any_kind_is_an_event_or_parked(event: EventType[Any], data: bytes) -> None:
    assert outcome(lambda: event.parse(data)) in {ParkReason.INVALID_JSON, ParkReason.INVALID_FIELD}


@pytest.mark.parametrize("event", [*upstream.EVENTS, *partner.EVENTS], ids=lambda event: event.name)
def test_a_key_of_any_object_that_stands_there_twice_is_found(event: EventType[Any]) -> None:
    text = sample(event)
    assert event.parse_inbound(text.encode()) == event.parse(text.encode())
    for key in re.finditer(r'"(\w+)":', text):
        for again in (f'"{key[1]}" :null,', f'"{key[1]}":":",'):
            twice = text[: key.start()] + again + text[key.start() :]
            assert outcome(partial(event.parse_inbound, twice.encode())) is ParkReason.DUPLICATE_KEY


@pytest.mark.parametrize("event", [*upstream.EVENTS, *partner.EVENTS], ids=lambda event: event.name)
@EACH_EVENT
@given(st.data())
def test_what_others_write_is_checked_before_all_else(event: EventType[Any], data: st.DataObject) -> None:
    text = sample(event)
    start = data.draw(st.integers(0, len(text)) | st.sampled_from([at.end() for at in re.finditer("[{,]", text)]))
    end = start + data.draw(st.sampled_from((0, 0, 1)) | st.integers(0, len(text)))
    # Whole members too, since few texts drawn at random leave an object that can be read.
    members = st.sampled_from(sorted(set(re.findall(r'"\w+":', text)))).map("{}null,".format)
    put = data.draw(members | st.text('{}[]":,\\ 0a', max_size=8))
    touched = (text[:start] + put + text[end:]).encode()
    assert outcome(lambda: event.parse_inbound(touched)) == (
        outcome(lambda: check_json(touched)) or outcome(lambda: event.parse(touched))
    )


@THOROUGH
@given(st.data())
def test_an_event_with_a_field_of_any_kind_is_an_event_or_parked(data: st.DataObject) -> None:
    fields = dict(PURCHASE.data)
    fields[data.draw(st.sampled_from([*fields, "other"]))] = data.draw(PLAIN)
    value = json.dumps(fields).encode()
    with suppress(Parked):
        PURCHASE.type.parse(value)


@pytest.mark.parametrize("event", [*upstream.EVENTS, *partner.EVENTS], ids=lambda event: event.name)
@given(st.data())
def test_detail_of_a_refusal_holds_no_text_of_the_sender(event: EventType[Any], data: st.DataObject) -> None:
    """A name or a text that is put anywhere into an event never comes out again."""
    written = json.loads(sample(event))
    holder = written
    while inner := [v for v in (holder.values() if isinstance(holder, dict) else holder) if isinstance(v, dict | list)]:
        if not data.draw(st.booleans()):
            break
        holder = data.draw(st.sampled_from(inner))
    if isinstance(holder, list):
        holder.append({PLANTED: PLANTED})
    elif data.draw(st.booleans()):
        holder[PLANTED] = data.draw(st.sampled_from([None, 1, PLANTED, {}, []]))
    else:
        holder[data.draw(st.sampled_from(sorted(holder)))] = data.draw(st.sampled_from([[PLANTED], {PLANTED: 1}]))
    with pytest.raises(Parked) as refused:
        event.parse_inbound(json.dumps(written).encode())
    assert PLANTED not in refused.value.detail
    assert re.fullmatch(r"/|(/[a-z_0-9]+)+", refused.value.detail)


@THOROUGH
@given(st.text() | st.text("AZaz09-_.=", max_size=200) | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_a_text_that_is_no_seal_is_parked(token: str) -> None:
    assert outcome(lambda: programme_keys().open(token)) is ParkReason.BAD_SEAL


@THOROUGH
@given(st.integers(0, 400), st.text(min_size=1, max_size=3))
def test_a_seal_that_was_touched_does_not_open(place: int, text: str) -> None:
    whole = programme_keys().seal({"sub": "4810000000000017", "nik": "3273015204960001"})
    place %= len(whole)
    touched = whole[:place] + text + whole[place + 1 :]
    if touched != whole:
        assert outcome(lambda: programme_keys().open(touched)) is ParkReason.BAD_SEAL


@given(st.binary())
def test_plaintext_of_any_kind_is_an_object_or_parked(plaintext: bytes) -> None:
    token = programme_keys().seal_bytes(plaintext)
    assert outcome(lambda: programme_keys().open(token)) is (ParkReason.BAD_SEAL if oracle(plaintext) else None)
