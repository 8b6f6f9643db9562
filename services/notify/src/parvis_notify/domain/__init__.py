"""Rules of notify, pure: nothing here reads a clock, a database or a network."""
