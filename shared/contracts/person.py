"""The participant whom a record is about, as far as that can be told of one that may not be understood."""

import re

from shared.contracts.fields import PARTICIPANT_ID
from shared.contracts.plain_text import plain_text

_ID = re.compile(PARTICIPANT_ID.encode())
_NAMED = re.compile(rb'"participant_id"\s*:\s*"(%b)"' % _ID.pattern)


def person_of(key: bytes | None, value: bytes | None) -> str | None:
    """Return the participant that the value names first, else the one that the key is; None if neither tells."""
    named = _NAMED.search(plain_text(value))
    if named is not None:
        return named.group(1).decode()
    return key.decode() if key is not None and _ID.fullmatch(key) else None
