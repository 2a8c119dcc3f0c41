"""Malformed and forged records, and the reason each is parked for. Numbers are those of the catalogue of abuse."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from shared.times import write_time
from tests.builders import ADMITTED_AT, LATER, Event, a_purchase, an_account, an_admission
from tests.unit.contracts.decoding import park_answer, park_answer_to_record

PERSON = "4810000000000017"
PURCHASE = a_purchase(PERSON)
ADMISSION = an_admission(PERSON)
LARGEST = 256 * 1024
Headers = Sequence[tuple[str, bytes | None]]


def nested(levels: int) -> bytes:
    """Return an object with this many levels; the root is one."""
    return b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)


def padded(size: int) -> bytes:
    return PURCHASE.value + b" " * (size - len(PURCHASE.value))


def written(event: Event, field: str, text: str) -> bytes:
    """Return the event's JSON with this text in place of the field's value."""
    return json.dumps({**event.data, field: "<here>"}).replace('"<here>"', text).encode()


def amount(text: str) -> bytes:
    return written(PURCHASE, "price", f'{{"value":{text},"currency":"IDR"}}')


def headers(**changes: bytes | None) -> Headers:
    """`ce_` is put before the name; None leaves the header out."""
    changed = {f"ce_{name}": value for name, value in changes.items()}
    every = {**dict(PURCHASE.headers), **changed}
    return [(name, value) for name, value in every.items() if value is not None]


def content_type(value: bytes) -> Headers:
    return [*PURCHASE.headers[:-1], ("content-type", value)]


OK = ("", "")
BYTES = {
    "A1 one byte too many": (padded(LARGEST + 1), "too_large"),
    "A1 as long as may be": (padded(LARGEST), ""),
    "A36 zeros that once were small": (b"\0" * 1024 * 1024, "too_large"),
    "A36 gzip": (b"\x1f\x8b\x08\x00" + b"\0" * 100, "invalid_json"),
    "A2 seventeen levels": (nested(17), "too_deep"),
    "A2 sixteen levels": (nested(16), "invalid_field"),
    "A2 a hundred thousand lists": (b"[" * 100_000, "too_deep"),
    "A2 brackets in a text are no levels": (written(PURCHASE, "platform", '"' + "[" * 20 + '"'), "invalid_field"),
    "A3 a key twice": (PURCHASE.value[:-1] + b',"hours":18}', "duplicate_key"),
    "A3 a key twice, deep inside": (amount('1,"value":2'), "duplicate_key"),
    "A3 a key twice, once escaped": (PURCHASE.value[:-1] + b',"h\\u006furs":18}', "duplicate_key"),
    "A3 a key twice, hidden by a text": (b'{"a":"b",":x":1,"c":"d" ,":x":2}', "duplicate_key"),
    "A4 bytes after the end": (PURCHASE.value + b"{}", "invalid_json"),
    "A4 a byte order mark": (b"\xef\xbb\xbf" + PURCHASE.value, "invalid_json"),
    "A4 invalid UTF-8": (written(PURCHASE, "platform", '"x"').replace(b'"x"', b'"\xff"'), "invalid_json"),
    "A4 UTF-16": (PURCHASE.value.decode().encode("utf-16"), "invalid_json"),
    "A4 a lone surrogate": (written(PURCHASE, "platform", '"\\ud800"'), "invalid_json"),
    "A4 half a text": (PURCHASE.value[:40], "invalid_json"),
    "A4 nothing at all": (b"", "invalid_json"),
    "A4 a list": (b"[]", "invalid_json"),
    "A4 a word": (b"null", "invalid_json"),
    "A7 NaN": (amount("NaN"), "invalid_json"),
    "A7 Infinity": (amount("Infinity"), "invalid_json"),
    "A7 1e400": (amount("1e400"), "invalid_field"),
    "A9 no number, for all its digits": (amount("0" + "9" * 4301), "invalid_json"),
}


@pytest.mark.parametrize(("value", "code"), BYTES.values(), ids=BYTES)
def test_malformed_bytes_are_parked_under_their_reason(value: bytes, code: str) -> None:
    assert park_answer(PURCHASE, value)[0] == code


FIELDS: Mapping[str, tuple[bytes, str]] = {
    "A5 an unknown field": (PURCHASE.value[:-1] + b',"tip":1}', "/"),
    "A5 an unknown field, deep inside": (amount('1,"tip":2'), "/price"),
    "A5 an unknown field of a list": (
        PURCHASE.value.replace(b'"sequence":2', b'"3273015204960001":1,"sequence":2'),
        "/sessions/1",
    ),
    "A5 an unknown name that hurts": (PURCHASE.value[:-1] + b',"a/\\u0000~":1}', "/"),
    "A5 a NIK for a name": (PURCHASE.value[:-1] + b',"3273015204960001":1}', "/"),
    "a field left out": (PURCHASE.value.replace(b'"hours":18,', b""), "/hours"),
    **{
        f"A6-A10 amount {text[:20]}, {len(text)}": (amount(text), "/price/value")
        for text in (
            *("1.0", "1e2", '"100"', "true", '"1_000"', '" 100 "', "null", "[1]", "0", "-1", "-0"),
            *(
                str(10**12 + 1),
                str(2**63),
                str(2**64),
                "9" * 4200,
                "9" * 4301,
                "-" + "9" * 200_000,
                '"1E+1000000"',
                '"\u0661\u0662\u0663"',
                "1e400",
            ),
        )
    },
    **{
        f"A12 currency {text}": (
            written(PURCHASE, "price", f'{{"value":1,"currency":{text}}}'),
            "/price/currency",
        )
        for text in ('"USD"', '"idr"', '"\u2160DR"', '"IDR "', "null", "360")
    },
    "A12 no currency": (written(PURCHASE, "price", '{"value":1}'), "/price/currency"),
    **{
        f"A13-A15 time {text}": (written(PURCHASE, "purchased_at", text), "/purchased_at")
        for text in (
            *('"2023-02-21T03:00:00"', '"2023-02-21"', "1676948400", '"1676948400"', "1e11", "null", '""'),
            *('"2023-02-21T03:00:00+00:00"', '"2023-02-21T03:00:00z"', '"2023-02-21 03:00:00Z"'),
            *('"9999-01-01T00:00:00Z"', '"0001-01-01T00:00:00Z"', '"1999-12-31T23:59:59Z"', '"2100-01-01T00:00:00Z"'),
            *('"2023-02-21T23:59:60Z"', '"2023-02-21T24:00:00Z"', '"2023-02-29T00:00:00Z"', '"2023-13-01T00:00:00Z"'),
            *(
                '"2023-02-21T03:00:00Z\\n"',
                '"\uff12023-02-21T03:00:00Z"',
                '"2023-02-21T03:00:00.Z"',
                '"2023-02-21T03:00:00.1234567891Z"',
                '"2023-W08-2T03:00:00Z"',
            ),
        )
    },
    **{
        f"A16-A17 code {text[:14]}": (written(PURCHASE, "platform", text), "/platform")
        for text in (
            *('"a\\u0000b"', '"\\u202eab"', '"a\\u200bb"', '"e\\u0301"', '"pint\u0430r"', '"a\\r\\nb"', '"a b"', '""'),
            *(f'"{"a" * 65}"', '"a\\n"', "7", "null"),
        )
    },
    **{
        f"A18 participant {text}": (written(PURCHASE, "participant_id", text), "/participant_id")
        for text in (
            *(
                '"481000000000001"',
                '"48100000000000171"',
                '"481000000000001x"',
                '"\uff14810000000000017"',
            ),
            *('"4810000000000017\\n"', '" 481000000000017"', "4810000000000017"),
        )
    },
    **{
        f"redeem code {text}": (written(PURCHASE, "redeem_code", text), "/redeem_code")
        for text in ('"prat0ab12cd3"', '"PRAT0AB12CD"', '"PRAT0AB12CD34"', '"PRAT-0AB12CD"')
    },
    "a true that is a one": (written(PURCHASE, "hours", "true"), "/hours"),
}


@pytest.mark.parametrize(("value", "pointer"), FIELDS.values(), ids=FIELDS)
def test_field_that_breaks_the_contract_is_named_by_its_pointer(value: bytes, pointer: str) -> None:
    assert park_answer(PURCHASE, value) == ("invalid_field", pointer)


@pytest.mark.parametrize("seal", ["", "x" * 4097, None, 7, {}], ids=lambda seal: str(seal)[:5])
def test_only_the_size_of_a_seal_is_checked_before_it_is_opened(seal: object) -> None:
    assert park_answer(ADMISSION.with_data(identity=seal)) == ("invalid_field", "/identity")
    assert park_answer(ADMISSION.with_data(identity="no seal")) == OK


def test_zero_is_not_false() -> None:
    assert park_answer(ADMISSION.with_data(disability=0)) == ("invalid_field", "/disability")


def test_unknown_partner_is_refused() -> None:
    account = {"partner": "gopey", "sealed": "x"}
    assert park_answer(an_account(PERSON, nik="1", account=account)) == ("invalid_field", "/account/partner")


ENVELOPES: Mapping[str, tuple[Headers, tuple[str, str]]] = {
    **{
        f"A37 no {name}": ([pair for pair in PURCHASE.headers if pair[0] != name], ("bad_envelope", name))
        for name, _ in PURCHASE.headers
    },
    "A37 no header at all": ([], ("bad_envelope", "content-type")),
    "A37 another version of CloudEvents": (headers(specversion=b"0.3"), ("bad_envelope", "ce_specversion")),
    "A37 an empty id": (headers(id=b""), ("bad_envelope", "ce_id")),
    "A37 an id of 129 characters": (headers(id=b"x" * 129), ("bad_envelope", "ce_id")),
    "A37 an id of 128 characters of four bytes": (headers(id="😀".encode() * 128), OK),
    "A37 an id with a line break": (headers(id=b"a\nb"), ("bad_envelope", "ce_id")),
    "A37 an id with a NUL": (headers(id=b"a\0b"), ("bad_envelope", "ce_id")),
    "A37 an id that turns the text around": (headers(id="a\u202eb".encode()), ("bad_envelope", "ce_id")),
    "A37 an id that is not UTF-8": (headers(id=b"\xff"), ("bad_envelope", "ce_id")),
    "A37 a source with a blank": (headers(source=b"/a b"), ("bad_envelope", "ce_source")),
    "A37 an empty source": (headers(source=b""), ("bad_envelope", "ce_source")),
    "A37 an empty type": (headers(type=b""), ("bad_envelope", "ce_type")),
    "A37 a time without zone": (headers(time=b"2023-02-21T03:00:00"), ("bad_envelope", "ce_time")),
    "A37 a time that is none": (headers(time=b"yesterday"), ("bad_envelope", "ce_time")),
    "A37 headers without end": ([*PURCHASE.headers, *[("note", b"")] * 10_000], ("bad_envelope", "headers")),
    "A37 a subject that is not UTF-8": (headers(subject=b"\xff"), ("bad_envelope", "ce_subject")),
    "A37 a subject without value": ([*PURCHASE.headers, ("ce_subject", None)], ("bad_envelope", "ce_subject")),
    "A37 an extension that is not UTF-8": ([*PURCHASE.headers, ("ce_4810", b"\xff")], ("bad_envelope", "ce_*")),
    "A37 an extension without value": ([*PURCHASE.headers, ("ce_4810", None)], ("bad_envelope", "ce_*")),
    "an extension": (headers(partitionkey="é".encode()), OK),
    "a header of somebody's own that is not UTF-8": ([*PURCHASE.headers, ("x", b"\xff")], OK),
    "A37 a source with half an escape": (headers(source=b"/a%2"), ("bad_envelope", "ce_source")),
    "a source with an escape": (headers(source=b"https://pintar.example/a%20b?c#d"), OK),
    "A37 a source of 257 characters": (headers(source=b"/" * 257), ("bad_envelope", "ce_source")),
    "A37 an id twice": ([*PURCHASE.headers, ("ce_id", b"other")], ("bad_envelope", "ce_id")),
    "A37 a type twice": ([*PURCHASE.headers, PURCHASE.headers[3]], ("bad_envelope", "ce_type")),
    "A37 a thousand headers more": ([*PURCHASE.headers, *[("x", b"y")] * 1000], OK),
    "A37 plain text": (content_type(b"text/plain"), ("bad_envelope", "content-type")),
    "A37 a batch": (content_type(b"application/cloudevents-batch+json"), ("bad_envelope", "content-type")),
    "a content type with parameters": (content_type(b"Application/JSON; charset=utf-8"), OK),
    "a trace that is none": ([*PURCHASE.headers, ("traceparent", b"\xff")], OK),
    "A38 an unknown type": (headers(type=b"salur.platform.training_gifted.v1"), ("unknown_type", "")),
    "A38 an unknown version": (headers(type=b"salur.platform.training_purchased.v2"), ("unknown_type", "")),
    "A35 the type of another topic": (headers(type=b"salur.training.training_rated.v1"), ("unknown_type", "")),
}


@pytest.mark.parametrize(("sent", "parked"), ENVELOPES.values(), ids=ENVELOPES)
def test_envelope_is_complete_or_parked(sent: Headers, parked: tuple[str, str]) -> None:
    assert park_answer(PURCHASE, headers=sent) == parked


@pytest.mark.parametrize("key", [None, b"", b"\xff\xfe", b"0000000000000000"])
def test_record_key_is_ignored(key: bytes | None) -> None:
    assert park_answer_to_record(PURCHASE.record()._replace(key=key)) == OK


def test_record_without_value_is_parked_as_null_value() -> None:
    assert park_answer_to_record(PURCHASE.record()._replace(value=None)) == ("null_value", "")


def test_first_fault_in_the_order_of_the_contract_is_named() -> None:
    unknown = headers(type=b"salur.unknown.v1")
    deep_twice_and_broken = b'{"a":1,"a":' + b"[" * 20 + b"\xff"
    broken_and_twice = b'{"a":1,"a":2'
    twice_and_unknown_field = b'{"tip":1,"tip":2}'
    record = PURCHASE.record()._replace(headers=())
    assert [
        park_answer_to_record(record._replace(value=b"x" * (LARGEST + 1)))[0],
        park_answer_to_record(record._replace(value=None))[0],
        park_answer(PURCHASE, deep_twice_and_broken, headers(type=b"salur.unknown.v1", id=b""))[0],
        park_answer(PURCHASE, deep_twice_and_broken, unknown)[0],
        park_answer(PURCHASE, deep_twice_and_broken)[0],
        park_answer(PURCHASE, broken_and_twice)[0],
        park_answer(PURCHASE, twice_and_unknown_field)[0],
    ] == [*("too_large", "null_value", "bad_envelope", "unknown_type", "too_deep", "invalid_json", "duplicate_key")]


@pytest.mark.parametrize(("ahead", "code"), [(300, ""), (301, "out_of_window")])
def test_event_time_may_be_five_minutes_ahead_of_the_clock(ahead: int, code: str) -> None:
    event = ADMISSION.with_data(admitted_at=write_time(LATER + timedelta(seconds=ahead)))
    assert park_answer(event) == (code, "/admitted_at" if code else "")


def sessions(*numbers: int) -> list[dict[str, Any]]:
    times = {"starts_at": write_time(ADMITTED_AT), "ends_at": write_time(LATER)}
    return [{"sequence": number, "mode": "online", **times} for number in numbers]


@pytest.mark.parametrize(
    ("numbers", "pointer"),
    [
        ((1,), None),
        (range(1, 999), None),
        ((2, 7), None),
        ((), "/sessions"),
        ((1, 1), "/sessions"),
        ((2, 1), "/sessions"),
        ((0,), "/sessions/0/sequence"),
        ((1, 999), "/sessions/1/sequence"),
    ],
    ids=str,
)
def test_sessions_rise_strictly_from_1_to_998(numbers: Sequence[int], pointer: str | None) -> None:
    event = PURCHASE.with_data(sessions=sessions(*numbers))
    assert park_answer(event) == (OK if pointer is None else ("invalid_field", pointer))


def test_session_ends_after_it_starts() -> None:
    (session,) = sessions(1)
    event = PURCHASE.with_data(sessions=[{**session, "ends_at": session["starts_at"]}])
    assert park_answer(event) == ("invalid_field", "/sessions/0/ends_at")


def test_million_characters_in_a_field_are_refused_in_time() -> None:
    assert park_answer(PURCHASE, written(PURCHASE, "platform", '"' + "a" * 250_000 + '!"')) == (
        "invalid_field",
        "/platform",
    )


def test_refused_value_is_not_repeated_in_the_error() -> None:
    _, detail = park_answer(ADMISSION.with_data(identity=["3273015204960001"]))
    assert detail == "/identity"
