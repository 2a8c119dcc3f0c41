"""Kinds of keys under which records are deferred until their cause has been read."""

ENROLLMENT = "enrollment"
"""The key is the redeem code of an enrollment."""
REFERENCE = "reference"
"""The key is a reference whose attempt is adopted and not yet attached to its disbursement."""
CATCHING_UP = "catching_up"
"""The key is the number of a lane that is catching up after a restore."""
