"""Reconciliation with statements of partners: their forms, the comparison with the books, and what disagrees."""
