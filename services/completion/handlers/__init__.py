"""The use cases of completion, each over a batch: load, decide, save, announce."""

ENROLLMENT = "enrollment"
"""What evidence waits for: an enrollment, by its redeem code."""
