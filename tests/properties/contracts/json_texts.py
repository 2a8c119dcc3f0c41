"""JSON texts, whole and broken, and a slow reader of them that shares no code with the fast one."""

import json
from typing import Any

from hypothesis import strategies as st

from shared.contracts.park_reasons import ParkReason
from shared.contracts.strict_json import MAX_DEPTH

# Few names, so that some stand twice, and texts that look like structure.
NAMES = st.sampled_from(["a", "b", "", ":", ":x", ",", '"', "\\", "[", "}", "é", "a\u0000", "price"])
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(allow_nan=False, allow_infinity=False), NAMES
)


@st.composite
def _spelled(draw: st.DrawFn, name: str) -> str:
    """Draw a spelling of the name in JSON, sometimes in escapes: one name can be written in several ways."""
    if draw(st.booleans()):
        return json.dumps(name, ensure_ascii=draw(st.booleans()))
    return '"' + "".join(f"\\u{ord(character):04x}" for character in name) + '"'


@st.composite
def texts(draw: st.DrawFn, levels: int = 3) -> str:
    """JSON text, a key twice here and there, blanks anywhere."""
    blank = draw(st.sampled_from(["", " ", "\n", "\t \r"]))
    kind = draw(st.sampled_from(["leaf", "list", "object"])) if levels else "leaf"
    if kind == "leaf":
        leaf = draw(LEAVES)
        return blank + (draw(_spelled(leaf)) if isinstance(leaf, str) else json.dumps(leaf)) + blank
    inner = [draw(texts(levels - 1)) for _ in range(draw(st.integers(0, 3)))]
    if kind == "list":
        return f"{blank}[{','.join(inner) or blank}]"
    members = [f"{blank}{draw(_spelled(draw(NAMES)))}{blank}:{value}" for value in inner]
    return f"{{{','.join(members) or blank}}}{blank}"


def _wrapped(text: str, levels: int) -> str:
    return '{"a":' * levels + text + "}" * levels


WHOLE = st.builds(_wrapped, texts(), st.integers(0, MAX_DEPTH + 1)).map(str.encode)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Draw a text with some bytes changed, cut out or put in."""
    data = bytearray(draw(WHOLE))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 3)))
        marks = st.sampled_from([b'"', b"\\", b"{", b"}", b"[", b"]", b":", b",", b"0", b"e", b".", b"\xff", b"\0"])
        data[start:end] = draw(st.one_of(marks, st.binary(max_size=3)))
    return bytes(data)


def oracle(data: bytes) -> ParkReason | None:
    """Return the reason to park the bytes, in the order of the contract: too deep, no JSON object, a key twice."""
    if _depth(data) > MAX_DEPTH:
        return ParkReason.TOO_DEEP
    twice = []

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice.append(len({name for name, _ in pairs}) < len(pairs))
        for text in (text for pair in pairs for text in pair if isinstance(text, str)):
            text.encode()
        return dict(pairs)

    try:
        parsed = json.loads(data.decode(), object_pairs_hook=build, parse_int=len, parse_constant=_refuse)
        json.dumps(parsed, ensure_ascii=False).encode()
    except ValueError:
        return ParkReason.INVALID_JSON
    if not isinstance(parsed, dict):
        return ParkReason.INVALID_JSON
    return ParkReason.DUPLICATE_KEY if any(twice) else None


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _depth(data: bytes) -> int:
    """Byte by byte: brackets outside strings that are open at once."""
    deepest = depth = 0
    inside = escaped = False
    for byte in data:
        if inside:
            inside = escaped or byte != ord('"')
            escaped = not escaped and byte == ord("\\")
        elif byte == ord('"'):
            inside = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest
