"""Completion: checks evidence by the rule that each enrollment carries, and announces each outcome once."""
