"""The CloudEvents 1.0 envelope over Kafka, in binary and in structured mode."""

import json
import re
import sys
from base64 import b64decode
from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from shared.contracts.fields import parse_time
from shared.contracts.park_reasons import Parked, ParkReason
from shared.contracts.strict_json import check_json, truncate_numbers

__all__ = ["Envelope", "check_json", "open_envelope"]

MAX_RECORD_BYTES = 256 * 1024
MAX_ID_LENGTH = 128
MAX_HEADERS = 10_000
MAX_SOURCE_LENGTH = 256
MAX_ATTRIBUTE_BYTES = 4 * MAX_ID_LENGTH

_URI_REFERENCE = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]++|%[0-9A-Fa-f]{2})++", re.ASCII)
_TRACE = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_STRUCTURED = "application/cloudevents+json"
_REQUIRED = ("specversion", "id", "source", "type", "time")
_REQUIRED_HEADERS = frozenset({"content-type", *(f"ce_{name}" for name in _REQUIRED)})
_OPTIONAL = frozenset({"ce_subject", "ce_era", "ce_sequence"})
_ONCE = _REQUIRED_HEADERS | _OPTIONAL
ENVELOPE_HEADERS = _ONCE | {"traceparent"}
_NOTHING: Mapping[str, str] = {}


class Envelope(NamedTuple):
    """An opened envelope. `data` is the JSON of the event's data.

    A NamedTuple, since one is made for each record.
    """

    id: str
    source: str
    type: str
    time: datetime
    subject: str | None
    traceparent: str | None
    data: bytes


def open_envelope(
    value: bytes | None,
    headers: Sequence[tuple[str, bytes | None]],
    known_types: Container[str],
    max_bytes: int = MAX_RECORD_BYTES,
) -> Envelope:
    """Open the envelope of a record.

    Raise Parked with too_large, null_value, bad_envelope or unknown_type, in this order of precedence. In structured
    mode the envelope stands inside the JSON, so the checks of the JSON come before those of the envelope.
    """
    if value is not None and len(value) > max_bytes:
        raise Parked(ParkReason.TOO_LARGE)
    if value is None:
        raise Parked(ParkReason.NULL_VALUE)
    if len(headers) > MAX_HEADERS:
        raise Parked(ParkReason.BAD_ENVELOPE, "headers")
    named = dict(headers)
    if len(named) != len(headers):
        _check_once([name for name, _ in headers])
    if (content_type := named.get("content-type")) != b"application/json":
        media_type = _media_type(_text("content-type", content_type))
        if media_type == _STRUCTURED:
            return _structured(value, known_types)
        if media_type != "application/json":
            raise Parked(ParkReason.BAD_ENVELOPE, "content-type")
    return _envelope(named, value, known_types)


def _check_once(names: list[str]) -> None:
    """Refuse an envelope in which a header of ours stands twice."""
    for name in names:
        if name in _ONCE and names.count(name) > 1:
            raise Parked(ParkReason.BAD_ENVELOPE, name)


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _finite(number: str) -> float:
    """Return the number as a float, clamped to the largest finite one, which no field accepts."""
    return min(max(float(number), -sys.float_info.max), sys.float_info.max)


def _structured(value: bytes, known_types: Container[str]) -> Envelope:
    check_json(value)
    event = json.loads(truncate_numbers(value), parse_float=_finite)
    headers: dict[str, bytes | None] = {}
    for name in _REQUIRED:
        if not isinstance(text := event.get(name), str):
            raise Parked(ParkReason.BAD_ENVELOPE, f"ce_{name}")
        headers[f"ce_{name}"] = text.encode(errors="surrogatepass")
    for header, name in (("ce_subject", "subject"), ("traceparent", "traceparent")):
        if isinstance(text := event.get(name), str):
            headers[header] = text.encode(errors="surrogatepass")
    content_type = event.get("datacontenttype")
    if content_type is None:
        content_type = "application/json"
    if not isinstance(content_type, str) or _media_type(content_type) != "application/json":
        raise Parked(ParkReason.BAD_ENVELOPE, "datacontenttype")
    return _envelope(headers, _data_of(event), known_types)


def _data_of(event: Mapping[str, object]) -> bytes:
    """Return the JSON of `data`, or the content of `data_base64`; null counts as absent."""
    data, encoded = event.get("data"), event.get("data_base64")
    if encoded is None:
        return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    if data is not None or not isinstance(encoded, str):
        raise Parked(ParkReason.BAD_ENVELOPE, "data_base64")
    try:
        return b64decode(encoded, validate=True)
    except ValueError:
        raise Parked(ParkReason.BAD_ENVELOPE, "data_base64") from None


def _envelope(headers: Mapping[str, bytes | None], data: bytes, known_types: Container[str]) -> Envelope:
    get = headers.get
    _specversion(get("ce_specversion"))
    identity, source, kind = _id(get("ce_id")), _source(get("ce_source")), _type(get("ce_type"))
    time = _time(get("ce_time"))
    others = _optional_headers(headers) if len(headers) > len(_REQUIRED_HEADERS) else _NOTHING
    if kind not in known_types:
        raise Parked(ParkReason.UNKNOWN_TYPE)
    return Envelope(identity, source, kind, time, others.get("ce_subject"), others.get("traceparent"), data)


# Values that many records share are checked once: a source, a type, and the time of a whole page.
@lru_cache
def _specversion(value: bytes | None) -> None:
    if _text("ce_specversion", value) != "1.0":
        raise Parked(ParkReason.BAD_ENVELOPE, "ce_specversion")


def _id(value: bytes | None) -> str:
    text = _text("ce_id", value)
    if not 1 <= len(text) <= MAX_ID_LENGTH or not text.isprintable():
        raise Parked(ParkReason.BAD_ENVELOPE, "ce_id")
    return text


@lru_cache(1024)
def _source(value: bytes | None) -> str:
    text = _text("ce_source", value)
    if len(text) > MAX_SOURCE_LENGTH or not _URI_REFERENCE.fullmatch(text):
        raise Parked(ParkReason.BAD_ENVELOPE, "ce_source")
    return text


@lru_cache(1024)
def _type(value: bytes | None) -> str:
    if not (text := _text("ce_type", value)):
        raise Parked(ParkReason.BAD_ENVELOPE, "ce_type")
    return text


@lru_cache(1024)
def _time(value: bytes | None) -> datetime:
    try:
        return parse_time(_text("ce_time", value))
    except ValueError:
        raise Parked(ParkReason.BAD_ENVELOPE, "ce_time") from None


def _text(name: str, value: bytes | None) -> str:
    if value is None or len(value) > MAX_ATTRIBUTE_BYTES:
        raise Parked(ParkReason.BAD_ENVELOPE, name)
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Parked(ParkReason.BAD_ENVELOPE, name) from None


def _optional_headers(headers: Mapping[str, bytes | None]) -> dict[str, str]:
    """Return the optional headers: every `ce_` header must be a text; of the rest only a valid trace is kept."""
    others = {}
    for name in [name for name in headers if name not in _REQUIRED_HEADERS]:
        value = headers[name]
        if name == "traceparent":
            if _TRACE.fullmatch(value or b""):
                others[name] = (value or b"").decode()
        elif name.startswith("ce_"):
            try:
                others[name] = (b"\xff" if value is None else value).decode()
            except UnicodeDecodeError:
                raise Parked(ParkReason.BAD_ENVELOPE, name if name in _OPTIONAL else "ce_*") from None
    return others
