"""What a parser would let through: too deep, not JSON, a key twice."""

import re
from itertools import accumulate
from typing import Any

from pydantic_core import from_json

from shared.contracts.reasons import Parked, ParkReason

DEEPEST = 16

# A string, or what is left of the text after one that never ends. Possessive, so that no text makes it try twice.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+', re.DOTALL)
_NOT_A_BRACKET = bytes(set(range(256)) - set(b"[{]}"))
_STEP = [1 if byte in b"[{" else -1 for byte in range(256)]


def check_json(data: bytes) -> None:
    """Raises Parked with too_deep, invalid_json or duplicate_key, in this order of precedence.

    Depth is the number of brackets outside strings that are open at once, whatever else is wrong with the text.
    """
    bare = _without_strings(data)
    opened = bare.count(b"{") + bare.count(b"[")
    if opened > DEEPEST and _depth(bare) > DEEPEST:
        raise Parked(ParkReason.TOO_DEEP)
    parsed = parse_json(data)
    # Each colon outside a string is a member; a parser keeps fewer members when a key stands there twice.
    members = len(parsed) if opened == 1 else _members(parsed)
    if members != bare.count(b":"):
        raise Parked(ParkReason.DUPLICATE_KEY)


def parse_json(data: bytes) -> dict[str, Any]:
    """A JSON object in UTF-8, of a text that is not too deep. Raises Parked(invalid_json)."""
    try:
        parsed = from_json(data, allow_inf_nan=False)
    except ValueError:
        raise Parked(ParkReason.INVALID_JSON) from None
    if not isinstance(parsed, dict):
        raise Parked(ParkReason.INVALID_JSON)
    return parsed


def _without_strings(data: bytes) -> bytes:
    if b"\\" in data:
        return _STRING.sub(b"", data)
    return b"".join(data.split(b'"')[::2])


def _depth(bare: bytes) -> int:
    brackets = bare.translate(None, _NOT_A_BRACKET)
    return max(accumulate(map(_STEP.__getitem__, brackets)))


def _members(parsed: dict[str, Any]) -> int:
    """Of all objects in it, however deep."""
    count = 0
    found: list[Any] = [parsed]
    while found:
        value = found.pop()
        if type(value) is dict:
            count += len(value)
            value = value.values()
        found += [inner for inner in value if type(inner) is dict or type(inner) is list]
    return count
