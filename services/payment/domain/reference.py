"""References: derived, never drawn, so that a replay instructs the same payment."""

import hashlib
import hmac
from itertools import product

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 16
# All sequences of three digits, so that a reference is made of five.
_DIGITS = ["".join(digits) for digits in product(CROCKFORD, repeat=3)]


def reference_of(
    key: bytes, lane: int, *, programme: str, participant_id: str, redeem_code: str, benefit: str, attempt: int
) -> str:
    """Return a reference of 16 Crockford digits: the lane, then 75 bits of a keyed hash.

    The hash is over the disbursement and the number of the attempt.
    """
    text = f"{programme}|{participant_id}|{redeem_code}|{benefit}|{attempt}"
    bits = int.from_bytes(hmac.digest(key, text.encode(), hashlib.sha256)[:10]) >> 5
    return CROCKFORD[lane] + "".join([_DIGITS[bits >> shift & 0x7FFF] for shift in (60, 45, 30, 15, 0)])


def lane_in(reference: str, lanes: int) -> int:
    """Return the lane that a reference names; one that we never made gets a lane all the same."""
    return CROCKFORD.index(reference[0]) % lanes
