"""Use cases of notify, by entity."""
