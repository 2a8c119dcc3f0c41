"""Sealed fields: JWE compact strings (dir, A256GCM). The JOSE library is touched here and nowhere else.

It reads the keys; the one form of token that was agreed is made and opened by the cipher itself (RFC 7516, RFC 7518).
"""

import hashlib
import hmac
import json
import os
import re
import string
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic_core import from_json, to_json

from shared.contracts.park_reasons import Parked, ParkReason
from shared.contracts.strict_json import check_json

_KEY_BYTES = 32
_MOST_KEYS = 64
_KID = re.compile(r"[!-~]{1,64}")
_KID_FORM = "1 to 64 printable ASCII characters without a space"
_NONCE_BYTES = 12
_TAG_BYTES = 16
# Header, no encrypted key, nonce, ciphertext, tag; base64url without padding, and without bits that nobody reads.
_TOKEN = re.compile(r"([\w-]++)\.\.([\w-]{16})\.([\w-]*+)\.([\w-]{21}[AQgw])", re.ASCII)
# As long as an IBAN at most. Wallets are numbered by phone, and a phone number is written with a plus (E.164).
# By the length of a text modulo 4: all of them, none at all, and those with nothing in the bits that are left over.
_LAST_CHARACTERS = (string.ascii_letters + string.digits + "-_", "", "AQgw", "AEIMQUYcgkosw048")
_NUMBER = re.compile(r"[A-Za-z0-9]{1,34}|\+[A-Za-z0-9]{5,34}", re.ASCII)
_FORBIDDEN = frozenset({"zip", "crit", "jku", "jwk", "x5u", "x5c"})
_HEADERS_REMEMBERED = 64


class Secret:
    """A plaintext that refuses to be printed."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not serialised")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)


class KeyRing:
    """The keys of a JWK set, by kid; the first is the one that seals."""

    def __init__(self, keys: Mapping[str, OctKey]) -> None:
        self.keys = keys
        self._ciphers = {kid: AESGCM(key.raw_value) for kid, key in keys.items()}
        self._headers = {kid: _header(kid) for kid in keys}
        self.fingerprints = {kid: fingerprint(key.raw_value) for kid, key in keys.items()}
        self._by_header: dict[str, AESGCM] = {}
        self.current = next(iter(self._ciphers))

    @classmethod
    def load(cls, path: Path, *, may_seal: str | None = None) -> "KeyRing":
        """Read a JWK set of 256-bit keys; raises ValueError with the file's name when it is anything else.

        `may_seal`: only the keys of a producers' set that name this event type among those they may seal.
        """
        try:
            parts = json.loads(path.read_text())["keys"]
            keys = {part["kid"]: OctKey.import_key(part) for part in parts}
            sealing = {part["kid"]: _texts(part.get("salur_may_seal", [])) for part in parts}
        except (KeyError, TypeError, ValueError, AttributeError, JoseError) as error:
            raise ValueError(f"{path} is no JWK set of oct keys with kid: {type(error).__name__}") from None
        _confirm_keys(path, [part["kid"] for part in parts], keys)
        if may_seal is not None:
            keys = {kid: key for kid, key in keys.items() if may_seal in sealing[kid]}
            if not keys:
                raise ValueError(f"{path} holds no key that may seal {may_seal}: name it in a key's salur_may_seal")
        return cls(keys)

    def derive(self, purpose: str) -> "KeyRing":
        """A key made from each of these, under a name of its own, for what only the keeper of these may have sealed."""
        made = {
            f"{kid}/{purpose}": OctKey.import_key(hmac.digest(key.raw_value, purpose.encode(), "sha256"))
            for kid, key in self.keys.items()
        }
        return KeyRing(made)

    def merge(self, other: "KeyRing") -> "KeyRing":
        """The keys of both; where both have a kid, the other's."""
        return KeyRing({**self.keys, **other.keys})

    @property
    def kids(self) -> tuple[str, ...]:
        return tuple(self.keys)

    @property
    def current_prefix(self) -> str:
        """Return how every token begins that is sealed now."""
        return token_prefix(self.current)

    def seal(self, claims: Mapping[str, object], kid: str | None = None) -> str:
        return self.seal_bytes(to_json(claims), kid)

    def open(self, token: str) -> dict[str, object]:
        """Raises Parked(bad_seal) unless it opens under one of the keys and holds a JSON object."""
        opened = self.open_bytes(token)
        try:
            return check_json(opened)
        except Parked:
            raise Parked(ParkReason.BAD_SEAL) from None

    def seal_bytes(self, data: bytes, kid: str | None = None) -> str:
        kid = kid or self.current
        header = self._headers[kid]
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[kid].encrypt(nonce, data, header.encode())
        return f"{header}..{_encode(nonce)}.{_encode(sealed[:-_TAG_BYTES])}.{_encode(sealed[-_TAG_BYTES:])}"

    def open_bytes(self, token: str) -> bytes:
        """Raises Parked(bad_seal) unless it opens under one of the keys."""
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            raise Parked(ParkReason.BAD_SEAL)
        header, nonce, ciphertext, tag = parts.groups()
        if ciphertext and ciphertext[-1] not in _LAST_CHARACTERS[len(ciphertext) % 4]:
            raise Parked(ParkReason.BAD_SEAL)
        cipher = self._by_header.get(header) or self._cipher_of(header)
        try:
            return cipher.decrypt(_decode(nonce), _decode(ciphertext) + _decode(tag), header.encode())
        except (InvalidTag, ValueError):
            raise Parked(ParkReason.BAD_SEAL) from None

    def _cipher_of(self, encoded: str) -> AESGCM:
        """The header must be exactly what was agreed: no zip, no crit, no key of the sender's own."""
        try:
            header = json.loads(_decode(encoded), object_pairs_hook=_refuse_duplicate_names)
            agreed = header["alg"] == "dir" and header["enc"] == "A256GCM" and not header.keys() & _FORBIDDEN
            cipher = self._ciphers[header["kid"]]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Parked(ParkReason.BAD_SEAL) from None
        if not agreed:
            raise Parked(ParkReason.BAD_SEAL)
        if len(self._by_header) < _HEADERS_REMEMBERED:
            self._by_header[encoded] = cipher
        return cipher


def _confirm_keys(path: Path, kids: Sequence[object], keys: Mapping[str, OctKey]) -> None:
    """Raise ValueError, saying what to do, unless each key has 256 bits and a name of its own."""
    if not kids:
        raise ValueError(f"{path} holds no key")
    if len(kids) > _MOST_KEYS:
        raise ValueError(
            f"{path} holds {len(kids)} keys: take out those that seal nothing any more, down to {_MOST_KEYS}"
        )
    named: set[str] = set()
    for kid in kids:
        if not isinstance(kid, str) or not _KID.fullmatch(kid):
            raise ValueError(f"{path} has a kid that is not {_KID_FORM}: give that key another")
        if kid.lower() in named:
            raise ValueError(f"{path} names two keys alike, {kid}: give each a kid of its own, not in case alone")
        named.add(kid.lower())
    if any(len(key.raw_value) != _KEY_BYTES for key in keys.values()):
        raise ValueError(f"{path} holds a key that is not of 256 bits")
    refuse_duplicate_keys({f"{kid} of {path}": fingerprint(key.raw_value) for kid, key in keys.items()})


def refuse_duplicate_keys(fingerprints: Mapping[str, str]) -> None:
    """Raise ValueError where two of these, by name, are one key."""
    known: dict[str, str] = {}
    for name, value in fingerprints.items():
        if value in known:
            raise ValueError(f"{known[value]} and {name} are one key under two names: make another for one of them")
        known[value] = name


def read_key(path: Path) -> bytes:
    """Read a file that holds one key as base64url; raises OSError, or ValueError with its name when it is malformed."""
    try:
        text = path.read_text().strip()
        key = b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)
    except ValueError:
        raise ValueError(f"{path} is not one base64url text") from None
    if len(key) < _KEY_BYTES:
        raise ValueError(f"{path} holds less than {_KEY_BYTES * 8} bits")
    return key


def fingerprint(key: bytes) -> str:
    """Tells a key from all others and gives nothing of it away: a hash of a keyed hash, used for nothing else."""
    return hashlib.sha256(hmac.digest(key, b"salur fingerprint", "sha256")).hexdigest()


def token_prefix(kid: str) -> str:
    """How every token begins that is sealed under this key."""
    return f"{_header(kid)}.."


def _refuse_duplicate_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Raises ValueError for a name that stands there twice."""
    named = dict(pairs)
    if len(named) < len(pairs):
        raise ValueError("a name stands there twice")
    return named


def _texts(value: object) -> list[str]:
    """Raises TypeError unless it is a list of texts."""
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise TypeError("not a list of texts")
    return value


def kid_of(token: str) -> str:
    """The name of the key in a token's header, whatever else that says; empty when it names none."""
    try:
        return str(json.loads(_decode(token.partition(".")[0]))["kid"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def compact(token: str) -> str:
    """The token without its header where that says nothing but the name of a key; `lengthen` gives it back."""
    header, dots, rest = token.partition("..")
    if dots and (kid := _kid_of_plain_header(header)):
        return f".{kid}..{rest}"
    return f"...{token}" if token.startswith(".") else token


def expand(compacted: str) -> str:
    """What `shorten` was given."""
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


class BlindIndex:
    """Equality of secrets by a keyed hash: useless without the key, the same for ever with it."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.fingerprint = fingerprint(key)

    @classmethod
    def load(cls, path: Path) -> "BlindIndex":
        """Read its key; raises OSError or ValueError."""
        return cls(read_key(path))

    def hexdigest(self, value: str) -> str:
        """HMAC-SHA-256, hex."""
        return self.digest(value).hex()

    def digest(self, value: str) -> bytes:
        return hmac.digest(self._key, value.encode(), "sha256")


def open_claims(ring: KeyRing, token: str, stated: Mapping[str, str], *hidden: str) -> dict[str, str]:
    """The plaintext: what is stated outside too, and what only it holds, all of them texts and nothing else.

    Raises Parked(bad_seal) where what is stated and what is sealed differ, byte for byte.
    """
    return _check_claims(ring.open(token), stated, hidden)


def seal_number(ring: KeyRing, number: Secret, stated: Mapping[str, str]) -> str:
    """An account number as Salur's own services seal it: bound to all that is stated."""
    return ring.seal({**stated, "number": number.reveal()})


def open_number(ring: KeyRing, token: str, stated: Mapping[str, str]) -> Secret:
    """The number that `seal_number` sealed. Raises Parked(bad_seal) where other things are stated.

    Nobody else has the key, so JSON is not looked through for what only somebody else would write.
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
    """As it was written: two spellings are two numbers, for only the partner knows whether they mean the same."""
    number = claims["number"]
    if not _NUMBER.fullmatch(number):
        raise Parked(ParkReason.BAD_SEAL)
    return Secret(number)
