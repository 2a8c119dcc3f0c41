"""Sealed fields: JWE compact strings (dir, A256GCM). The JOSE library is touched here and nowhere else.

It reads the keys; the one form of token that was agreed is made and opened by the cipher itself (RFC 7516, RFC 7518).
"""

import hashlib
import hmac
import json
import os
import re
import string
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic_core import to_json

from shared.contracts.reasons import Parked, ParkReason
from shared.contracts.strict_json import check_json

_KEY_BYTES = 32
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


@dataclass(frozen=True, slots=True)
class Identity:
    """What registration seals: {sub, nik, birth_date}; the date as text, for the rules to read."""

    subject: str
    nik: Secret
    birth_date: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ParticipantAccount:
    """{sub, number, nik}: an account and the NIK its holder showed to the bank."""

    subject: str
    number: Secret
    nik: Secret


@dataclass(frozen=True, slots=True)
class ProviderAccount:
    """{sub, number, name}: a provider's account of record."""

    subject: str
    number: Secret
    name: Secret


class KeyRing:
    """The keys of a JWK set, by kid; the first is the one that seals."""

    def __init__(self, keys: Mapping[str, OctKey]) -> None:
        self._ciphers = {kid: AESGCM(key.raw_value) for kid, key in keys.items()}
        self._headers = {kid: _header(kid) for kid in keys}
        self.fingerprints = {kid: fingerprint(key.raw_value) for kid, key in keys.items()}
        self._by_header: dict[str, AESGCM] = {}
        self.current = next(iter(self._ciphers))

    @classmethod
    def load(cls, path: Path) -> "KeyRing":
        """Reads a JWK set of 256-bit keys; raises ValueError with the file's name when it is anything else."""
        try:
            parts = json.loads(path.read_text())["keys"]
            keys = {str(part["kid"]): OctKey.import_key(part) for part in parts}
        except (KeyError, TypeError, ValueError, JoseError) as error:
            raise ValueError(f"{path} is no JWK set of oct keys with kid: {type(error).__name__}") from None
        if not keys:
            raise ValueError(f"{path} holds no key")
        if len(keys) < len(parts):
            raise ValueError(f"{path} names two keys alike")
        if any(len(key.raw_value) != _KEY_BYTES for key in keys.values()):
            raise ValueError(f"{path} holds a key that is not of 256 bits")
        return cls(keys)

    @property
    def kids(self) -> tuple[str, ...]:
        return tuple(self._ciphers)

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
            header = json.loads(_decode(encoded))
            agreed = header["alg"] == "dir" and header["enc"] == "A256GCM" and not header.keys() & _FORBIDDEN
            cipher = self._ciphers[header["kid"]]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Parked(ParkReason.BAD_SEAL) from None
        if not agreed:
            raise Parked(ParkReason.BAD_SEAL)
        if len(self._by_header) < _HEADERS_REMEMBERED:
            self._by_header[encoded] = cipher
        return cipher


def fingerprint(key: bytes) -> str:
    """Tells a key from all others and gives nothing of it away: a hash of a keyed hash, used for nothing else."""
    return hashlib.sha256(hmac.digest(key, b"salur fingerprint", "sha256")).hexdigest()


def header_of(kid: str) -> str:
    """How every token begins that is sealed under this key."""
    return f"{_header(kid)}.."


def shorten(token: str) -> str:
    """The token without its header where that says nothing but the name of a key; `lengthen` gives it back."""
    header, dots, rest = token.partition("..")
    if dots and (kid := _kid_alone(header)):
        return f".{kid}..{rest}"
    return f"...{token}" if token.startswith(".") else token


def lengthen(shortened: str) -> str:
    """What `shorten` was given."""
    if not shortened.startswith("."):
        return shortened
    kid, _, rest = shortened[1:].partition("..")
    return f"{_header(kid)}..{rest}" if kid else rest


@lru_cache
def _kid_alone(header: str) -> str | None:
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
        """Reads one base64url text of at least 256 bits."""
        text = path.read_text().strip()
        key = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if len(key) < hashlib.sha256().digest_size:
            raise ValueError(f"{path} holds less than 256 bits")
        return cls(key)

    def of(self, value: str) -> str:
        """HMAC-SHA-256, hex."""
        return self.digest(value).hex()

    def digest(self, value: str) -> bytes:
        return hmac.digest(self._key, value.encode(), "sha256")


def open_identity(ring: KeyRing, token: str, subject: str) -> Identity:
    """Raises Parked(bad_seal), as do the others here, unless it speaks of this subject and of nothing else."""
    claims = _claims(ring, token, subject, "nik", "birth_date")
    return Identity(subject, Secret(claims["nik"]), claims["birth_date"])


def open_participant_account(ring: KeyRing, token: str, subject: str) -> ParticipantAccount:
    claims = _claims(ring, token, subject, "number", "nik")
    return ParticipantAccount(subject, _number(claims), Secret(claims["nik"]))


def open_provider_account(ring: KeyRing, token: str, subject: str) -> ProviderAccount:
    claims = _claims(ring, token, subject, "number", "name")
    return ProviderAccount(subject, _number(claims), Secret(claims["name"]))


def _claims(ring: KeyRing, token: str, subject: str, *names: str) -> dict[str, str]:
    claims = ring.open(token)
    texts = {name: value for name, value in claims.items() if isinstance(value, str)}
    if texts.keys() != {"sub", *names} or len(texts) != len(claims) or texts["sub"] != subject:
        raise Parked(ParkReason.BAD_SEAL)
    return texts


def _number(claims: Mapping[str, str]) -> Secret:
    """As it was written: two spellings are two numbers, for only the partner knows whether they mean the same."""
    number = claims["number"]
    if not _NUMBER.fullmatch(number):
        raise Parked(ParkReason.BAD_SEAL)
    return Secret(number)
