"""Completion: was it really done. Judges evidence by the rule that the enrollment carries, and says so once."""
