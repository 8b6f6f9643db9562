"""Organisations, memberships, profiles, contacts and all decisions about rights."""
