"""References: derived, never drawn, so that a replay asks a partner for the same payment."""

import hashlib
import hmac
from itertools import product

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 16
# Three digits at a time.
_DIGITS = ["".join(digits) for digits in product(CROCKFORD, repeat=3)]


def reference_of(
    key: bytes, lane: int, *, programme: str, participant_id: str, redeem_code: str, benefit: str, attempt: int
) -> str:
    """16 Crockford digits: the lane, then 75 bits of a keyed hash of the right and the number of the attempt."""
    text = f"{programme}|{participant_id}|{redeem_code}|{benefit}|{attempt}"
    bits = int.from_bytes(hmac.digest(key, text.encode(), hashlib.sha256)[:10], "big") >> 5
    return CROCKFORD[lane] + "".join([_DIGITS[bits >> shift & 0x7FFF] for shift in (60, 45, 30, 15, 0)])


def lane_in(reference: str, lanes: int) -> int:
    """The lane that a reference names. One that was never ours may name a lane that does not exist: any will do."""
    return CROCKFORD.index(reference[0]) % lanes
