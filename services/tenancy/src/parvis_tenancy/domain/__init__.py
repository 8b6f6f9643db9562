"""The rules of tenancy, pure: nothing here reads a clock, a database or a network."""
