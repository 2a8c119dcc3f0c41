"""Kinds of keys under which records are deferred until their cause has been read."""

WAVE = "wave"
"""The key is the name of a wave that is not opened yet."""
PARTICIPANT = "participant"
"""The key is the id of a participant without an application."""
ENROLLMENT = "enrollment"
"""The key is the redeem code of a purchase that is not known yet, or is to be confirmed again after a restore."""
