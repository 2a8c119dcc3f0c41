"""Demonstration: a cohort goes from admission to settled payments while faults are injected."""
