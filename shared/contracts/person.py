"""The participant whom a record is about, as far as that can be told of one that may not be understood."""

import re

_NAMED = re.compile(rb'"participant_id"\s*:\s*"([0-9]{16})"')
_ID = re.compile(rb"[0-9]{16}")


def person_of(key: bytes | None, value: bytes | None) -> str | None:
    """Return the participant that the value names first, else the one that the key is; None if neither tells."""
    named = _NAMED.search(value or b"")
    if named is not None:
        return named.group(1).decode()
    return key.decode() if key is not None and _ID.fullmatch(key) else None
