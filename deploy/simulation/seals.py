"""Sealed fields as the outside world makes and opens them: by the contract alone, without Salur's code."""

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic_core import from_json, to_json

NONCE_BYTES, TAG_BYTES = 12, 16


class Seals:
    """Keys of a JWK set by kid, the first one current. JWE compact, `dir`, A256GCM."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._current = next(iter(keys))
        self._ciphers = {kid: AESGCM(key) for kid, key in keys.items()}
        self._headers = {kid: _header(kid) for kid in keys}
        self._by_header: dict[bytes, AESGCM] = {}

    @classmethod
    def load(cls, path: Path) -> "Seals":
        """Read a JWK set of 256-bit keys."""
        return cls({key["kid"]: _decode(key["k"].encode()) for key in json.loads(path.read_text())["keys"]})

    def seal(self, claims: Mapping[str, object], kid: str | None = None) -> str:
        """Seal claims under a random nonce, so that the text differs each time."""
        kid = kid or self._current
        header, nonce = self._headers[kid], os.urandom(NONCE_BYTES)
        sealed = self._ciphers[kid].encrypt(nonce, to_json(claims), header)
        parts = (header, b"", _encode(nonce), _encode(sealed[:-TAG_BYTES]), _encode(sealed[-TAG_BYTES:]))
        return b".".join(parts).decode()

    def open(self, token: str) -> dict[str, object]:
        """Open a token; raise cryptography's InvalidTag if another key sealed it or it was changed."""
        header, _, nonce, sealed, tag = token.encode().split(b".")
        cipher = self._by_header.get(header)
        if cipher is None:
            cipher = self._by_header[header] = self._ciphers[json.loads(_decode(header))["kid"]]
        opened = from_json(cipher.decrypt(_decode(nonce), _decode(sealed) + _decode(tag), header))
        assert isinstance(opened, dict)
        return opened


def _header(kid: str) -> bytes:
    return _encode(json.dumps({"alg": "dir", "enc": "A256GCM", "kid": kid}, separators=(",", ":")).encode())


def _encode(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _decode(text: bytes) -> bytes:
    return urlsafe_b64decode(text + b"=" * (-len(text) % 4))
