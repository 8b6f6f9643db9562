"""Use cases of identity: load, decide (domain), save, emit."""
