"""Files that hold one key, and fingerprints that tell keys apart."""

import hashlib
import hmac
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path

from shared.errors import Refused

KEY_BYTES = 32


def read_key(path: Path) -> bytes:
    """Read a file that holds one key as base64url; raise OSError, or Refused if it is malformed or too short."""
    try:
        text = path.read_text().strip()
        key = b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)
    except ValueError:
        raise Refused(f"{path} is not one base64url text") from None
    if len(key) < KEY_BYTES:
        raise Refused(f"{path} holds less than {KEY_BYTES * 8} bits")
    return key


def fingerprint(key: bytes) -> str:
    """Return a hash that tells a key from all others and reveals nothing of it; used for nothing else."""
    return hashlib.sha256(hmac.digest(key, b"salur fingerprint", "sha256")).hexdigest()


def refuse_duplicate_keys(fingerprints: Mapping[str, str]) -> None:
    """Raise Refused if two of these fingerprints, given by name, are of one key."""
    known: dict[str, str] = {}
    for name, value in fingerprints.items():
        if value in known:
            raise Refused(f"{known[value]} and {name} are one key under two names: make another for one of them")
        known[value] = name
