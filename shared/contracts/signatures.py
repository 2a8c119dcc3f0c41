"""Signatures: JWS compact strings under Ed25519 (RFC 7515, RFC 8037), which any JOSE library verifies.

The public keys lie in a JWK set of their own, for strangers; old ones stay there, so that old signatures go on to hold.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.errors import Refused, SalurError


class BadSignature(SalurError):
    """A text that none of these keys has signed; the message says why."""


class PublicKeys:
    """The public halves of all keys that ever signed, by kid."""

    def __init__(self, keys: Mapping[str, Ed25519PublicKey]) -> None:
        self._keys = keys

    @classmethod
    def load(cls, path: Path) -> "PublicKeys":
        """Read a JWK set of Ed25519 keys; raise Refused with the file's name if it is missing or anything else."""
        try:
            keys = {one["kid"]: Ed25519PublicKey.from_public_bytes(_half(one, "x")) for one in _read(path)["keys"]}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Refused(f"{path} is no JWK set of public Ed25519 keys with kid: {type(error).__name__}") from None
        return cls(keys)

    def verify(self, token: str) -> bytes:
        """Return what was signed; raise BadSignature unless one of these keys has signed it."""
        signed, _, signature = token.rpartition(".")
        header, _, payload = signed.partition(".")
        try:
            stated = json.loads(_decode(header))
            key = self._keys[stated["kid"]] if stated["alg"] == "EdDSA" else None
            if key is None:
                raise BadSignature(f"it is signed by {stated['alg']}, not by EdDSA")
            key.verify(_decode(signature), signed.encode())
            return _decode(payload)
        except KeyError:
            raise BadSignature("its key is not among the public ones") from None
        except (InvalidSignature, ValueError, TypeError):
            raise BadSignature("its signature does not fit") from None

    def has(self, kid: str, public: bytes) -> bool:
        """Return True if a kid is known, and for this key."""
        return kid in self._keys and self._keys[kid].public_bytes_raw() == public


class SigningKey:
    """The private key that signs, by its kid."""

    def __init__(self, kid: str, key: Ed25519PrivateKey) -> None:
        self.kid = kid
        self._key = key
        self._header = _encode(json.dumps({"alg": "EdDSA", "kid": kid}, separators=(",", ":")).encode())

    @classmethod
    def load(cls, path: Path, published: Path) -> "SigningKey":
        """Read a private JWK; raise Refused if it is missing, malformed, or its public half is not published."""
        try:
            stated = _read(path)
            key = cls(stated["kid"], Ed25519PrivateKey.from_private_bytes(_half(stated, "d")))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Refused(f"{path} is no private Ed25519 key as a JWK with kid: {type(error).__name__}") from None
        if not PublicKeys.load(published).has(key.kid, key.public_half()):
            raise Refused(f"{published} lacks the public half of the key {key.kid}: add it, and take none out")
        return key

    def sign(self, payload: bytes) -> str:
        """Return a JWS of the payload."""
        signed = f"{self._header}.{_encode(payload)}"
        return f"{signed}.{_encode(self._key.sign(signed.encode()))}"

    def public_half(self) -> bytes:
        return self._key.public_key().public_bytes_raw()


def private_jwk(kid: str) -> dict[str, str]:
    """Return a new key as a JWK; without `d` it is the public half."""
    key = Ed25519PrivateKey.generate()
    public = _encode(key.public_key().public_bytes_raw())
    return {"kty": "OKP", "crv": "Ed25519", "x": public, "d": _encode(key.private_bytes_raw()), "kid": kid}


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from None


def _half(key: Mapping[str, object], name: str) -> bytes:
    if (key["kty"], key["crv"]) != ("OKP", "Ed25519"):
        raise ValueError("not an Ed25519 key")
    return _decode(str(key[name]))


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
