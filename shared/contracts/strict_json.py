"""Strict JSON: no deep nesting, no duplicate keys, no numbers beyond a parser's limits."""

import re
from itertools import accumulate
from typing import Any

from pydantic_core import from_json

from shared.contracts.park_reasons import Parked, ParkReason

MAX_DEPTH = 16

# A string, or the rest of the text after one that never ends. Possessive, so that no text makes it backtrack.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+', re.DOTALL)
# Python reads no integer of more digits; the rest after cutting is still a number that no field accepts.
_MOST_DIGITS = 4300
_LONG_NUMBER = re.compile(rb'("[^"\\]*+(?:\\.[^"\\]*+)*+"?+)|(?<!\d)(\d{%d})\d++' % _MOST_DIGITS, re.DOTALL)
_LONG_RUN = re.compile(rb"(?<!\d)\d{%d}" % (_MOST_DIGITS + 1))
_NOT_A_BRACKET = bytes(set(range(256)) - set(b"[{]}"))
_STEP = [1 if byte in b"[{" else -1 for byte in range(256)]


def check_json(data: bytes) -> dict[str, Any]:
    """Parse a JSON object in UTF-8.

    Raise Parked with too_deep, invalid_json or duplicate_key, in this order of precedence. Depth is the number of
    brackets outside strings that are open at once, whatever else is wrong with the text.
    """
    bare = _without_strings(data)
    opened = bare.count(b"{") + bare.count(b"[")
    if opened > MAX_DEPTH and _depth(bare) > MAX_DEPTH:
        raise Parked(ParkReason.TOO_DEEP)
    parsed = parse_json(data)
    # Each colon outside a string is a member; a parser keeps fewer members when a key is duplicate.
    if _members(parsed) != bare.count(b":"):
        raise Parked(ParkReason.DUPLICATE_KEY)
    return parsed


def count_members(data: bytes) -> int:
    """Count the members of all objects of a valid JSON text, duplicates included."""
    return _without_strings(data).count(b":")


def parse_json(data: bytes) -> dict[str, Any]:
    """Parse a JSON object in UTF-8 that is not too deep; raise Parked(invalid_json)."""
    try:
        parsed = from_json(data, allow_inf_nan=False)
    except ValueError:
        truncated = truncate_numbers(data)
        if truncated == data:
            raise Parked(ParkReason.INVALID_JSON) from None
        return parse_json(truncated)
    if not isinstance(parsed, dict):
        raise Parked(ParkReason.INVALID_JSON)
    return parsed


def truncate_numbers(data: bytes) -> bytes:
    """Return the same text, valid JSON or not, with no number of more digits than a parser reads."""
    return _LONG_NUMBER.sub(rb"\1\2", data) if _LONG_RUN.search(data) else data


def _without_strings(data: bytes) -> bytes:
    if b"\\" in data:
        return _STRING.sub(b"", data)
    return b"".join(data.split(b'"')[::2])


def _depth(bare: bytes) -> int:
    brackets = bare.translate(None, _NOT_A_BRACKET)
    return max(accumulate(map(_STEP.__getitem__, brackets)))


def _members(parsed: dict[str, Any]) -> int:
    """Count the members of all objects, however deep."""
    count = 0
    found: list[Any] = [parsed]
    while found:
        value = found.pop()
        if type(value) is dict:
            count += len(value)
            value = value.values()
        found += [inner for inner in value if type(inner) is dict or type(inner) is list]
    return count
