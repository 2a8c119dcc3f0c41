"""What a parser would let through: too deep, not JSON, a key twice."""

import json
import re
from typing import Any

from pydantic_core import from_json

from shared.contracts.reasons import Parked, ParkReason

DEEPEST = 16

# Strings are matched whole, so that a bracket inside one does not count.
_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{\]}]', re.DOTALL)
_KEY = re.compile(rb'("[^"]*")\s*:')


def check_json(data: bytes) -> None:
    """Raises Parked with too_deep, invalid_json or duplicate_key, in this order of precedence."""
    if data.count(b"{") + data.count(b"[") > DEEPEST:
        _check_depth(data)
    try:
        parsed = from_json(data, allow_inf_nan=False)
    except ValueError:
        raise Parked(ParkReason.INVALID_JSON) from None
    if not isinstance(parsed, dict):
        raise Parked(ParkReason.INVALID_JSON)
    keys = _keys(data)
    if len(keys) != len(set(keys)) or b"\\" in data:
        _check_duplicates(data)


def _keys(data: bytes) -> list[bytes]:
    return _KEY.findall(data)


def _check_depth(data: bytes) -> None:
    depth = 0
    for match in _BRACKET.finditer(data):
        mark = data[match.start()]
        if mark in b"[{":
            depth += 1
            if depth > DEEPEST:
                raise Parked(ParkReason.TOO_DEEP)
        elif mark in b"]}":
            depth -= 1


def _check_duplicates(data: bytes) -> None:
    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        built = dict(pairs)
        if len(built) != len(pairs):
            raise Parked(ParkReason.DUPLICATE_KEY)
        return built

    try:
        json.loads(data, object_pairs_hook=build)
    except (ValueError, RecursionError):
        raise Parked(ParkReason.INVALID_JSON) from None
