"""A service as small as can be, for the kit's tests."""
