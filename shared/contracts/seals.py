"""Seals: JWE compact strings (dir, A256GCM), made and opened by the cipher itself (RFC 7516, RFC 7518).

The JOSE library only reads the keys, here and nowhere else.
"""

import hmac
import json
import os
import re
import string
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic_core import from_json, to_json

from shared.contracts.keys import KEY_BYTES, fingerprint, refuse_duplicate_keys
from shared.contracts.park_reasons import Parked, ParkReason
from shared.contracts.plain_text import plain_text
from shared.contracts.secret import Secret
from shared.contracts.strict_json import check_json
from shared.errors import Refused

_MOST_KEYS = 64
_KID = re.compile(r"[!-~]{1,64}")
_KID_FORM = "1 to 64 printable ASCII characters without a space"
_NONCE_BYTES = 12
_TAG_BYTES = 16
# Header, no encrypted key, nonce, ciphertext, tag; base64url without padding and without unused bits.
_TOKEN = re.compile(r"([\w-]++)\.\.([\w-]{16})\.([\w-]*+)\.([\w-]{21}[AQgw])", re.ASCII)
# The last characters that a text may have, by its length modulo 4: those with nothing in the bits that are left over.
_LAST_CHARACTERS = (string.ascii_letters + string.digits + "-_", "", "AQgw", "AEIMQUYcgkosw048")
# As long as an IBAN at most. Wallets are numbered by phone, and a phone number is written with a plus (E.164).
_NUMBER = re.compile(r"[A-Za-z0-9]{1,34}|\+[A-Za-z0-9]{5,34}", re.ASCII)
# A seal inside a JSON text, whatever the rest of that is.
_SEAL_IN_JSON = re.compile(rb'"([\w-]{16,512}+)\.\.[\w-]{16}\.[\w-]*+\.[\w-]{22}"', re.ASCII)
_FORBIDDEN = frozenset({"zip", "crit", "jku", "jwk", "x5u", "x5c"})
_HEADERS_REMEMBERED = 64
_PERSONAL = b"salur personal key"
SECRET_BYTES = 32
"""The length of the secret that makes a key of the ring one of a person."""


class KeyRing:
    """The keys of a JWK set, by kid; the first seals."""

    def __init__(self, keys: Mapping[str, OctKey]) -> None:
        self.take_over(keys)

    def take_over(self, keys: Mapping[str, OctKey]) -> None:
        """Replace the keys by these, for everybody who has this ring."""
        self.keys = keys
        self._ciphers = {kid: AESGCM(key.raw_value) for kid, key in keys.items()}
        self._headers = {kid: _header(kid) for kid in keys}
        self.fingerprints = {kid: fingerprint(key.raw_value) for kid, key in keys.items()}
        self._kid_by_header: dict[str, str] = {}
        self.current = next(iter(keys))

    @classmethod
    def load(cls, path: Path, *, may_seal: str | None = None) -> "KeyRing":
        """Read a JWK set of 256-bit keys; raise OSError, or Refused with the file's name if it is anything else.

        With `may_seal`, keep only those keys of a producers' set that name this event type as one they may seal.
        """
        try:
            parts = json.loads(path.read_text())["keys"]
            keys = {part["kid"]: OctKey.import_key(part) for part in parts}
            sealing = {part["kid"]: _texts(part.get("salur_may_seal", [])) for part in parts}
        except (KeyError, TypeError, ValueError, AttributeError, JoseError) as error:
            raise Refused(f"{path} is no JWK set of oct keys with kid: {type(error).__name__}") from None
        _confirm_keys(path, [part["kid"] for part in parts], keys)
        if may_seal is not None:
            keys = {kid: key for kid, key in keys.items() if may_seal in sealing[kid]}
            if not keys:
                raise Refused(f"{path} holds no key that may seal {may_seal}: name it in a key's salur_may_seal")
        return cls(keys)

    def derive(self, purpose: str) -> "KeyRing":
        """Return a ring of keys derived from these for one purpose, each under a kid of its own."""
        made = {
            f"{kid}/{purpose}": OctKey.import_key(hmac.digest(key.raw_value, purpose.encode(), "sha256"))
            for kid, key in self.keys.items()
        }
        return KeyRing(made)

    def merge(self, other: "KeyRing") -> "KeyRing":
        """Return a ring of both rings' keys; for a kid that both have, the other's."""
        return KeyRing({**self.keys, **other.keys})

    @property
    def kids(self) -> tuple[str, ...]:
        return tuple(self.keys)

    @property
    def current_prefix(self) -> str:
        """The beginning of every token that is sealed now."""
        return token_prefix(self.current)

    def seal(self, claims: Mapping[str, object], kid: str | None = None) -> str:
        """Seal a JSON object under the current key, or under another of the ring."""
        return self.seal_bytes(to_json(claims), kid)

    def open(self, token: str) -> dict[str, object]:
        """Open a sealed JSON object; raise Parked(bad_seal) unless it opens under one of the keys."""
        opened = self.open_bytes(token)
        try:
            return check_json(opened)
        except Parked:
            raise Parked(ParkReason.BAD_SEAL) from None

    def seal_bytes(self, data: bytes, kid: str | None = None, *, secret: bytes | None = None) -> str:
        """Seal bytes under the current key, or under another of the ring.

        With a person's `secret`, seal them under a key that is made of both: whoever lacks one of them opens nothing.
        """
        kid = kid or self.current
        header = self._headers[kid]
        nonce = os.urandom(_NONCE_BYTES)
        cipher = self._ciphers[kid] if secret is None else self._personal_cipher(kid, secret)
        sealed = cipher.encrypt(nonce, data, header.encode())
        return f"{header}..{_encode(nonce)}.{_encode(sealed[:-_TAG_BYTES])}.{_encode(sealed[-_TAG_BYTES:])}"

    def open_bytes(self, token: str, *, secret: bytes | None = None) -> bytes:
        """Open sealed bytes; raise Parked(bad_seal) unless they open under one of the keys, and this `secret`."""
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            raise Parked(ParkReason.BAD_SEAL)
        header, nonce, ciphertext, tag = parts.groups()
        if ciphertext and ciphertext[-1] not in _LAST_CHARACTERS[len(ciphertext) % 4]:
            raise Parked(ParkReason.BAD_SEAL)
        kid = self._kid_by_header.get(header) or self._known_kid_of(header)
        cipher = self._ciphers[kid] if secret is None else self._personal_cipher(kid, secret)
        try:
            return cipher.decrypt(_decode(nonce), _decode(ciphertext) + _decode(tag), header.encode())
        except (InvalidTag, ValueError):
            raise Parked(ParkReason.BAD_SEAL) from None

    def _personal_cipher(self, kid: str, secret: bytes) -> AESGCM:
        return AESGCM(hmac.digest(self.keys[kid].raw_value, _PERSONAL + secret, "sha256"))

    def _known_kid_of(self, encoded: str) -> str:
        """Return the kid of a header; raise Parked(bad_seal) for any form but the agreed one, and an unknown kid."""
        try:
            header = json.loads(_decode(encoded), object_pairs_hook=_refuse_duplicate_names)
            agreed = header["alg"] == "dir" and header["enc"] == "A256GCM" and not header.keys() & _FORBIDDEN
            kid: str = header["kid"]
            known = kid in self._ciphers
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Parked(ParkReason.BAD_SEAL) from None
        if not agreed or not known:
            raise Parked(ParkReason.BAD_SEAL)
        if len(self._kid_by_header) < _HEADERS_REMEMBERED:
            self._kid_by_header[encoded] = kid
        return kid


def _confirm_keys(path: Path, kids: Sequence[object], keys: Mapping[str, OctKey]) -> None:
    """Raise Refused, with what to do, unless each key has 256 bits and a name of its own."""
    if not kids:
        raise Refused(f"{path} holds no key")
    if len(kids) > _MOST_KEYS:
        raise Refused(f"{path} holds {len(kids)} keys: take out those that seal nothing any more, down to {_MOST_KEYS}")
    named: set[str] = set()
    for kid in kids:
        if not isinstance(kid, str) or not _KID.fullmatch(kid):
            raise Refused(f"{path} has a kid that is not {_KID_FORM}: give that key another")
        if kid.lower() in named:
            raise Refused(f"{path} names two keys alike, {kid}: give each a kid of its own, not in case alone")
        named.add(kid.lower())
    if any(len(key.raw_value) != KEY_BYTES for key in keys.values()):
        raise Refused(f"{path} holds a key that is not of 256 bits")
    refuse_duplicate_keys({f"{kid} of {path}": fingerprint(key.raw_value) for kid, key in keys.items()})


def token_prefix(kid: str) -> str:
    """Return the beginning of every token that is sealed under this key."""
    return f"{_header(kid)}.."


def _refuse_duplicate_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return the members; raise ValueError for a duplicate name."""
    named = dict(pairs)
    if len(named) < len(pairs):
        raise ValueError("a name appears twice")
    return named


def _texts(value: object) -> list[str]:
    """Return a list of texts; raise TypeError for anything else."""
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise TypeError("not a list of texts")
    return value


def kids_in(value: bytes | None) -> list[str]:
    """Return the kid of each sealed field of a JSON text, however its producer wrote the header; empty if malformed."""
    kids = [kid_of(header.decode()) for header in _SEAL_IN_JSON.findall(plain_text(value))]
    return [kid if _KID.fullmatch(kid) else "" for kid in kids]


def kid_of(token: str) -> str:
    """Return the kid in a token's header, however malformed the rest; empty if there is none."""
    try:
        return str(json.loads(_decode(token.partition(".")[0]))["kid"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def holds_seal(value: bytes | None) -> bool:
    """Return True if the value, a JSON text, has a sealed field."""
    text = plain_text(value)
    return b".." in text and _SEAL_IN_JSON.search(text) is not None


def compact(token: str) -> str:
    """Return a token without its header where that holds only a kid; `expand` restores it."""
    header, dots, rest = token.partition("..")
    if dots and (kid := _kid_of_plain_header(header)):
        return f".{kid}..{rest}"
    return f"...{token}" if token.startswith(".") else token


def expand(compacted: str) -> str:
    """Return the token that `compact` was given."""
    if not compacted.startswith("."):
        return compacted
    kid, _, rest = compacted[1:].partition("..")
    return f"{_header(kid)}..{rest}" if kid else rest


@lru_cache
def _kid_of_plain_header(header: str) -> str | None:
    try:
        kid = json.loads(_decode(header))["kid"]
        return str(kid) if _header(kid) == header and "." not in kid else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


@lru_cache
def _header(kid: str) -> str:
    return _encode(json.dumps({"alg": "dir", "enc": "A256GCM", "kid": kid}, separators=(",", ":")).encode())


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def open_claims(ring: KeyRing, token: str, stated: Mapping[str, str], *hidden: str) -> dict[str, str]:
    """Open a token that holds the `stated` claims and the `hidden` ones, all of them texts, and nothing else.

    Raise Parked(bad_seal) if a stated claim and its sealed text differ in a byte.
    """
    return _check_claims(ring.open(token), stated, hidden)


def seal_number(ring: KeyRing, number: Secret, stated: Mapping[str, str]) -> str:
    """Seal an account number for Salur's own services, together with what is stated outside."""
    return ring.seal({**stated, "number": number.reveal()})


def open_number(ring: KeyRing, token: str, stated: Mapping[str, str]) -> Secret:
    """Open a number sealed by `seal_number`; raise Parked(bad_seal) if something else is stated outside.

    Only Salur has the key, so the JSON is not checked for what only others would write.
    """
    try:
        claims = from_json(ring.open_bytes(token))
    except ValueError:
        raise Parked(ParkReason.BAD_SEAL) from None
    return Secret(_check_claims(claims, stated, ("number",))["number"])


def _check_claims(claims: object, stated: Mapping[str, str], hidden: Sequence[str]) -> dict[str, str]:
    if (
        not isinstance(claims, dict)
        or len(claims) != len(stated) + len(hidden)
        or not stated.items() <= claims.items()
        or not all(isinstance(claims.get(name), str) for name in hidden)
    ):
        raise Parked(ParkReason.BAD_SEAL)
    return claims


def number_of(claims: Mapping[str, str]) -> Secret:
    """Return the account number as it was written: only the partner knows whether two spellings mean the same."""
    number = claims["number"]
    if not _NUMBER.fullmatch(number):
        raise Parked(ParkReason.BAD_SEAL)
    return Secret(number)
