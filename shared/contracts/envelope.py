"""The CloudEvents 1.0 envelope over Kafka, in binary and in structured mode."""

import json
import re
import sys
from base64 import b64decode
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.contracts.fields import parse_time
from shared.contracts.reasons import Parked, ParkReason
from shared.contracts.strict_json import check_json, shorten_numbers

__all__ = ["Envelope", "check_json", "open_envelope"]

LARGEST_BYTES = 256 * 1024
LONGEST_ID = 128
LONGEST_SOURCE = 256
LONGEST_ATTRIBUTE_BYTES = 4 * LONGEST_ID

_URI_REFERENCE = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]++|%[0-9A-Fa-f]{2})++", re.ASCII)
_ERA = re.compile(r"(\d{1,19})\.(\d{1,19})", re.ASCII)
_SEQUENCE = re.compile(r"\d{1,19}", re.ASCII)
_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_STRUCTURED = "application/cloudevents+json"
_REQUIRED = ("specversion", "id", "source", "type", "time")
_REQUIRED_HEADERS = frozenset({"content-type", *(f"ce_{name}" for name in _REQUIRED)})
_OPTIONAL = frozenset({"ce_subject", "ce_era", "ce_sequence"})
_ONCE = _REQUIRED_HEADERS | _OPTIONAL


@dataclass(frozen=True, slots=True)
class Envelope:
    """`data` is the JSON of the event's data; `era` and `sequence` stand on what Salur itself wrote."""

    id: str
    source: str
    type: str
    time: datetime
    subject: str | None
    traceparent: str | None
    era: tuple[int, int] | None
    sequence: int | None
    data: bytes


def open_envelope(
    value: bytes | None, headers: Sequence[tuple[str, bytes | None]], known_types: Container[str]
) -> Envelope:
    """Raises Parked: too_large, null_value, bad_envelope, unknown_type, in this order of precedence.

    In structured mode the envelope stands inside the JSON, so the checks of the JSON come before those of the envelope.
    """
    if value is not None and len(value) > LARGEST_BYTES:
        raise Parked(ParkReason.TOO_LARGE)
    if value is None:
        raise Parked(ParkReason.NULL_VALUE)
    named = dict(headers)
    if len(named) != len(headers):
        _check_once([name for name, _ in headers])
    if named.get("content-type") != b"application/json":
        media_type = _media_type(_text(named, "content-type"))
        if media_type == _STRUCTURED:
            return _structured(value, known_types)
        if media_type != "application/json":
            raise Parked(ParkReason.BAD_ENVELOPE, "content-type")
    attributes = {name: _text(named, f"ce_{name}") for name in _REQUIRED}
    optional = _others(named) if len(named) > len(_REQUIRED_HEADERS) else {}
    return _envelope(attributes, optional, value, known_types)


def _check_once(names: list[str]) -> None:
    """A header of the envelope that stands there twice says two things."""
    for name in names:
        if name in _ONCE and names.count(name) > 1:
            raise Parked(ParkReason.BAD_ENVELOPE, name)


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _finite(number: str) -> float:
    """One that is beyond any float stays a number that no field can hold."""
    return min(max(float(number), -sys.float_info.max), sys.float_info.max)


def _structured(value: bytes, known_types: Container[str]) -> Envelope:
    check_json(value)
    event = json.loads(shorten_numbers(value), parse_float=_finite)
    attributes = {}
    for name in _REQUIRED:
        if not isinstance(text := event.get(name), str):
            raise Parked(ParkReason.BAD_ENVELOPE, f"ce_{name}")
        attributes[name] = text
    optional = {
        header: text
        for header, name in (("ce_subject", "subject"), ("traceparent", "traceparent"))
        if isinstance(text := event.get(name), str)
    }
    content_type = event.get("datacontenttype")
    if content_type is None:
        content_type = "application/json"
    if not isinstance(content_type, str) or _media_type(content_type) != "application/json":
        raise Parked(ParkReason.BAD_ENVELOPE, "datacontenttype")
    return _envelope(attributes, optional, _data_of(event), known_types)


def _data_of(event: Mapping[str, object]) -> bytes:
    """The JSON of `data`, or what `data_base64` holds; the one or the other. Null is as good as absent."""
    data, encoded = event.get("data"), event.get("data_base64")
    if encoded is None:
        return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    if data is not None or not isinstance(encoded, str):
        raise Parked(ParkReason.BAD_ENVELOPE, "data_base64")
    try:
        return b64decode(encoded, validate=True)
    except ValueError:
        raise Parked(ParkReason.BAD_ENVELOPE, "data_base64") from None


def _envelope(
    attributes: Mapping[str, str], optional: Mapping[str, str], data: bytes, known_types: Container[str]
) -> Envelope:
    if attributes["specversion"] != "1.0":
        raise Parked(ParkReason.BAD_ENVELOPE, "ce_specversion")
    if not 1 <= len(attributes["id"]) <= LONGEST_ID or not attributes["id"].isprintable():
        raise Parked(ParkReason.BAD_ENVELOPE, "ce_id")
    if len(attributes["source"]) > LONGEST_SOURCE or not _URI_REFERENCE.fullmatch(attributes["source"]):
        raise Parked(ParkReason.BAD_ENVELOPE, "ce_source")
    if not attributes["type"]:
        raise Parked(ParkReason.BAD_ENVELOPE, "ce_type")
    time = _moment(attributes["time"])
    era, sequence = _number(optional.get("ce_era"), optional.get("ce_sequence"))
    if attributes["type"] not in known_types:
        raise Parked(ParkReason.UNKNOWN_TYPE)
    trace = optional.get("traceparent")
    return Envelope(
        id=attributes["id"],
        source=attributes["source"],
        type=attributes["type"],
        time=time,
        subject=optional.get("ce_subject"),
        traceparent=trace if trace and _TRACE.fullmatch(trace) else None,
        era=era,
        sequence=sequence,
        data=data,
    )


def _moment(text: str) -> datetime:
    try:
        moment = parse_time(text)
    except ValueError:
        raise Parked(ParkReason.BAD_ENVELOPE, "ce_time") from None
    assert isinstance(moment, datetime)
    return moment


def _number(era: str | None, sequence: str | None) -> tuple[tuple[int, int] | None, int | None]:
    """Both or neither, or the record was not written by Salur; whoever needs them refuses it."""
    found = _ERA.fullmatch(era) if era else None
    if found is None or sequence is None or not _SEQUENCE.fullmatch(sequence):
        return None, None
    return (int(found[1]), int(found[2])), int(sequence)


def _text(headers: Mapping[str, bytes | None], name: str) -> str:
    value = headers.get(name)
    if value is None or len(value) > LONGEST_ATTRIBUTE_BYTES:
        raise Parked(ParkReason.BAD_ENVELOPE, name)
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Parked(ParkReason.BAD_ENVELOPE, name) from None


def _others(headers: Mapping[str, bytes | None]) -> dict[str, str]:
    """What is not required: every `ce_` header must be a text; of the rest only the trace is kept, if it is one."""
    others = {}
    for name, value in headers.items():
        if name in _REQUIRED_HEADERS:
            continue
        if name == "traceparent":
            others[name] = (value or b"").decode(errors="replace")
        elif name.startswith("ce_"):
            try:
                others[name] = (b"\xff" if value is None else value).decode()
            except UnicodeDecodeError:
                raise Parked(ParkReason.BAD_ENVELOPE, name if name in _OPTIONAL else "ce_*") from None
    return others
