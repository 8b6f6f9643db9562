"""Folders, documents, versions and the way they are shared."""
