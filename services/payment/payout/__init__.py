"""Payout: the steps that lead to money. Everything that pays goes through `pay`."""
