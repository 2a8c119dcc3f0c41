"""The use cases of completion, each over a batch: load, decide, save, emit."""
