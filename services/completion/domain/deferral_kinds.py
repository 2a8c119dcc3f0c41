"""Kinds of keys under which records are deferred until their cause has been read."""

ENROLLMENT = "enrollment"
"""The key is the redeem code of an enrollment."""

ANNOUNCED_COMPLETION = "announced_completion"
"""The key is the redeem code of an enrollment whose completion was announced before a restore."""
