"""Enrollment: admits participants to waves, and confirms the trainings that they buy."""
