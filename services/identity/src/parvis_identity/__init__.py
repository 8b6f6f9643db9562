"""Accounts, credentials, sessions and the OpenID provider."""
