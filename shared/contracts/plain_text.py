"""JSON texts in a form in which identifiers and seals can be searched, however their producer wrote them."""

import re
from base64 import b64decode
from binascii import Error as NotBase64

_ESCAPE = re.compile(rb"\\(?:u00([2-7][0-9A-Fa-f])|.)", re.DOTALL)
_ENCODED = re.compile(rb'"data_base64"\s*:\s*"([A-Za-z0-9+/=]*+)"')


def plain_text(value: bytes | None) -> bytes:
    """Return the text without needless escapes, and behind it the content of each `data_base64` in the same form.

    It is meant for searches: quotes and backslashes stay escaped, but the text need not be valid JSON.
    """
    if value is None:
        return b""
    text = _without_escapes(value)
    return b"\n".join([text, *map(_decoded, _ENCODED.findall(text))])


def _without_escapes(text: bytes) -> bytes:
    return _ESCAPE.sub(_unescaped, text) if b"\\" in text else text


def _unescaped(escape: re.Match[bytes]) -> bytes:
    if escape[1] is None:
        return b"/" if escape.group() == rb"\/" else escape.group()
    character = bytes.fromhex(escape[1].decode())
    return escape.group() if character in b'"\\\x7f' else character


def _decoded(encoded: bytes) -> bytes:
    try:
        return _without_escapes(b64decode(encoded, validate=True))
    except NotBase64:
        return b""
