"""Kinds of keys that one participant can claim, in whatever lane."""

NIK = "nik"
"""The key is the keyed index of a NIK."""
REDEEM_CODE = "redeem_code"
"""The key is the redeem code of a purchase."""
