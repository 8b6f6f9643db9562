"""Rules of identity: standard library only, no input or output, testable without a fixture."""
