"""Use cases over a batch: load, decide, save, emit."""
