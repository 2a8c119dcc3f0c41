"""The use cases of enrollment, each over a batch: load, decide, save, emit."""
