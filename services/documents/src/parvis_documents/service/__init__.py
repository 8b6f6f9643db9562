"""Use cases: authorise, load, decide, save, emit."""
