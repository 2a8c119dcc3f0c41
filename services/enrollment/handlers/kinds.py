"""Kinds of deferral, what a deferred record refers to, and kinds of claims, keys that are unique in all lanes."""

from enum import StrEnum


class DeferralKind(StrEnum):
    """Kind of the key under which a record is deferred."""

    PARTICIPANT = "participant"  # by participant id
    WAVE = "wave"  # by wave
    ENROLLMENT = "enrollment"  # by redeem code


class ClaimKind(StrEnum):
    """Kind of a claimed key; its owner is a participant."""

    NIK = "nik"  # by keyed index
    REDEEM_CODE = "redeem_code"
