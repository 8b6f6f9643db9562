"""Use cases of tenancy: authorise, load, decide, save, emit."""
