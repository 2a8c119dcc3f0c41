"""Enrollment decides who may learn what, and at whose cost."""
