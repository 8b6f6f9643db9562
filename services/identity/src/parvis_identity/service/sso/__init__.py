"""Signing in with firms' own identity providers."""
