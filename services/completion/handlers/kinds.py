"""Kinds of deferral: what a deferred record refers to."""

from enum import StrEnum


class DeferralKind(StrEnum):
    """Kind of the key under which a record is deferred."""

    ENROLLMENT = "enrollment"  # by redeem code
