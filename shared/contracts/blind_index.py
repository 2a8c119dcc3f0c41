"""Equality of secrets without the secrets, by a keyed hash."""

import hmac
from pathlib import Path

from shared.contracts.keys import fingerprint, read_key


class BlindIndex:
    """A keyed hash of secrets: equal secrets have equal hashes; without the key a hash tells nothing."""

    def __init__(self, key: bytes) -> None:
        # Copied for each value, which costs 1.4 us; taking up the key again cost 1.9.
        self._keyed = hmac.new(key, digestmod="sha256")
        self.fingerprint = fingerprint(key)

    @classmethod
    def load(cls, path: Path) -> "BlindIndex":
        """Read the key; raise OSError, or Refused if it is malformed."""
        return cls(read_key(path))

    def hexdigest(self, value: str) -> str:
        """Return the HMAC-SHA-256 in hex."""
        return self.digest(value).hex()

    def digest(self, value: str) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(value.encode())
        return keyed.digest()
