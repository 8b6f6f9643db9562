"""Backup and restore of an installation (docs/adr/0028): `command` for its command line, `place` for what it needs."""
